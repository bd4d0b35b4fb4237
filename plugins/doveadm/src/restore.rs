//! The flags of restored messages. A restore sets the former flags; the outcome says so if some are missing.

use clawback_connector_sdk::{
    flags::missing,
    host::{Host, Http, Memo},
    types::{Effect, Error},
};

use crate::{
    act::{Run, exactly},
    api::Answer,
    command::Command,
    flags,
    locator::Locator,
    row::{Row, rows},
};

/// What is read of a message to compare its flags.
const FLAGS: [&str; 5] = ["mailbox", "mailbox-guid", "uid", "guid", "flags"];

impl<H: Host + Http + Memo> Run<'_, '_, H> {
    /// Sets the former flags of messages that are back, if the move did not keep them or an earlier call was interrupted.
    pub(crate) fn restore_flags(&mut self) -> Result<(), Error> {
        let mut back: Vec<(usize, Row)> = std::mem::take(&mut self.home);
        let mut moved: Vec<(usize, Locator)> = Vec::new();
        for (at, effect) in self.effects.iter().enumerate() {
            if let Some(Effect::Succeeded(receipt)) = effect
                && let Some(now) = receipt.now.as_ref().and_then(|now| Locator::parse(&now.locator))
            {
                moved.push((at, now));
            }
        }
        let place = |locator: &Locator| match self.folders.all.get(&locator.folder) {
            Some(folder) => folder.query(&locator.uid.to_string()),
            None => locator.query(),
        };
        let asks: Vec<Command> = moved.iter().map(|(_, locator)| Command::fetch(&FLAGS, place(locator))).collect();
        let answers = self.api.run(&asks)?;
        for ((at, locator), answer) in moved.into_iter().zip(answers) {
            match read(answer)?.filter(|row| row.guid() == locator.guid) {
                Some(row) => back.push((at, row)),
                None => self.lacks_flags(at, "it is gone again"),
            }
        }
        let wanted = |at: usize, row: &Row| flags::to_set(&self.targets[at].former.as_ref()?.flags, &row.flags());
        let open: Vec<(usize, Row, Vec<String>)> =
            back.into_iter().filter_map(|(at, row)| wanted(at, &row).map(|flags| (at, row, flags))).collect();
        let mut commands: Vec<Command> =
            open.iter().map(|(_, row, flags)| Command::set_flags(flags, exactly(&[row]))).collect();
        commands.extend(open.iter().map(|(_, row, _)| Command::fetch(&FLAGS, row.query())));
        let mut answers = self.api.run(&commands)?;
        let told = answers.split_off(open.len().min(answers.len()));
        for (((at, row, wanted), set), told) in open.iter().zip(answers).zip(told) {
            if let Err(refusal) = set {
                self.lacks_flags(*at, &refusal.why());
                continue;
            }
            match read(told)?.filter(|now| now.guid() == row.guid()) {
                Some(now) => {
                    let missing = missing(wanted, &now.flags());
                    if !missing.is_empty() {
                        self.lacks_flags(*at, &format!("the server did not keep {}", missing.join(" ")));
                    }
                }
                None => self.lacks_flags(*at, "it is gone again"),
            }
        }
        Ok(())
    }

    fn lacks_flags(&mut self, at: usize, why: &str) {
        let former = self.targets[at].former.as_ref();
        let place = former.map(|former| former.location.path.as_str()).unwrap_or_default();
        self.effects[at] =
            Some(Effect::Failed(format!("it is back in folder `{place}`, but its flags could not be restored: {why}")));
    }
}

fn read(answer: Answer) -> Result<Option<Row>, Error> {
    Ok(rows(&answer.map_err(|refusal| refusal.error())?)?.pop())
}
