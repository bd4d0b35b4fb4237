//! Arguments for AI agents.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct McpArgs {
    /// Name of the agent, which the history gives as `agent NAME on behalf of` the owner of the token
    #[arg(long, default_value = "mcp-client", value_name = "NAME")]
    pub(crate) agent: String,
}
