//! `clawback export`: all that is known of one remediation, with the hashes that prove it, or the same in the words of a schema
//! that other products read.

use std::io::Write;

use clawback_action_center::ExportFormat;
use futures::TryStreamExt as _;

use crate::args::{ExportArgs, Format, Global};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores, any_id};
use crate::output;
use crate::remote::Remote;

pub(crate) async fn run(global: &Global, args: ExportArgs) -> Result<Exit, Failure> {
    let Some(path) = &args.output else {
        let mut out = std::io::BufWriter::new(output::Out);
        write(global, &args.id, &mut out).await?;
        out.flush()?;
        return Ok(Exit::Done);
    };
    // Under its own name it is whole, or what it was before.
    let mut file = clawback_files::replace(path)?;
    write(global, &args.id, &mut file).await?;
    file.commit()?;
    output::line(&format!("wrote {}", path.display()))?;
    Ok(Exit::Done)
}

async fn write(global: &Global, id: &str, out: &mut (impl Write + Send)) -> Result<(), Failure> {
    let format = match global.format {
        Format::Ocsf => ExportFormat::Ocsf,
        Format::O365Air => ExportFormat::O365Air,
        Format::Table | Format::Json | Format::Csv => ExportFormat::Clawback,
    };
    if let Some(remote) = Remote::of(global)? {
        let query = [("format", format.to_string())];
        return remote.copy(&["remediations", &any_id(id)?, "export"], &query, out).await;
    }
    let session = Session::open(global, Stores::None).await?;
    let remediation = session.find(id).await?;
    let site = session.site();
    let records = clawback_action_center::export(&site.history, remediation, format, site.public_url.clone());
    let mut records = std::pin::pin!(records);
    while let Some(lines) = records.try_next().await? {
        out.write_all(&lines)?;
    }
    Ok(())
}
