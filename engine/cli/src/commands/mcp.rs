//! `clawback mcp`: serves one AI agent on standard input and output. Over HTTP, `clawback serve` has the same tools.

use rmcp::ServiceExt as _;
use rmcp::transport::stdio;

use crate::agents::Agent;
use crate::args::{Global, McpArgs};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::Stores;

pub(crate) async fn run(global: &Global, args: McpArgs) -> Result<Exit, Failure> {
    let client = Client::open(global, Stores::All).await?;
    let agent = Agent::on_its_own(client, args.agent);
    let serving = agent.clone().serve(stdio()).await.map_err(|error| {
        Failure::failed(format!("no agent speaks the Model Context Protocol on standard input: {error}"))
            .hint("an MCP client starts `clawback mcp` itself; engine/cli/docs/agents.md describes how")
    })?;
    let served = serving.waiting().await;
    agent.stop().await;
    served.map_err(|error| Failure::failed(error.to_string()))?;
    Ok(Exit::Done)
}
