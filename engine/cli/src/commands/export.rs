//! `clawback export`: all that is known of one remediation, with the hashes that prove it, or the same in the words of a schema
//! that other products read; or the text of its plan.

use std::io::{IsTerminal as _, Write};

use clawback_action_center::{ExportFormat, export, export_plan};
use clawback_store::StoreError;
use futures::{Stream, TryStreamExt as _};

use crate::args::{ExportArgs, Format, Global};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores, any_id};
use crate::output;
use crate::remote::Remote;

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
    // Under its own name it is whole, or what it was before.
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
    if let Some(remote) = Remote::of(global)? {
        let id = any_id(&args.id)?;
        if args.plan {
            return remote.copy(&["remediations", &id, "plan"], &[], out).await;
        }
        let query = [("format", format.to_string())];
        return remote.copy(&["remediations", &id, "export"], &query, out).await;
    }
    let session = Session::open(global, Stores::None).await?;
    let remediation = session.find(&args.id).await?;
    let site = session.site();
    if args.plan {
        return put(export_plan(&site.history, remediation).await?, out).await;
    }
    put(export(&site.history, remediation, format, site.public_url.clone()), out).await
}

async fn put(
    pieces: impl Stream<Item = Result<Vec<u8>, StoreError>> + Send,
    out: &mut (impl Write + Send),
) -> Result<(), Failure> {
    let mut pieces = std::pin::pin!(pieces);
    while let Some(piece) = pieces.try_next().await? {
        out.write_all(&piece)?;
    }
    Ok(())
}
