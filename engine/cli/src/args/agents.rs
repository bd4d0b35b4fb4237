//! Arguments for AI agents.

use clap::Args;

/// Name of an agent that names none.
pub(crate) const AN_AGENT: &str = "mcp-client";

#[derive(Debug, Args)]
pub(crate) struct McpArgs {
    /// Name of the agent, which the history gives as `agent NAME on behalf of` the owner of the token
    #[arg(long, default_value = AN_AGENT, value_name = "NAME")]
    pub(crate) agent: String,
}
