//! `clawback export`: all records of one remediation, with the hashes that prove them, or the same in a schema of other products; or
//! the text of its plan.

use std::io::{IsTerminal as _, Write};

use clawback_action_center::ExportFormat;

use crate::args::{ExportArgs, Format, Global};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::{Stores, any_id};
use crate::output;

pub(crate) async fn run(global: &Global, args: ExportArgs) -> Result<Exit, Failure> {
    let Some(path) = &args.output else {
        if args.plan && std::io::stdout().is_terminal() {
            let message = "the text of a plan has characters of mail as they are, which a terminal may obey";
            return Err(Failure::misuse(message).hint("give -o FILE, or pipe it into another program"));
        }
        let mut out = std::io::BufWriter::new(output::Out);
        write(global, &args, &mut out).await?;
        out.flush()?;
        return Ok(Exit::Done);
    };
    // The file is replaced only when all of it is written.
    let mut file = clawback_files::replace(path)?;
    write(global, &args, &mut file).await?;
    file.commit()?;
    output::line(&format!("wrote {}", path.display()))?;
    Ok(Exit::Done)
}

async fn write(global: &Global, args: &ExportArgs, out: &mut (impl Write + Send)) -> Result<(), Failure> {
    let format = match global.format {
        Format::Ocsf => ExportFormat::Ocsf,
        Format::O365Air => ExportFormat::O365Air,
        Format::Table | Format::Json | Format::Csv => ExportFormat::Clawback,
    };
    let client = Client::open(global, Stores::None).await?;
    let id = any_id(&args.id)?;
    if args.plan {
        return client.copy(&["remediations", &id, "plan"], &[], out).await;
    }
    client.copy(&["remediations", &id, "export"], &[("format", format.to_string())], out).await
}
