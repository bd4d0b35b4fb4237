//! Known obstacles for each action, from the server's capabilities, its folders and our rights in them. Nothing is
//! changed: no folder is created, and none is opened.

use clawback_connector_sdk::{
    host::{Host, Level, MailStream},
    place,
    types::{Action, Error, LocationKind, Readiness},
};

use crate::{
    command::Command,
    folder::{Folders, MailFolder},
    search::list,
    session::{Reply, Session},
};

/// The rights (RFC 4314) to remove messages from a folder, and the one of RFC 2086 that includes both.
const REMOVE: [(char, &str); 2] = [('t', "mark messages as deleted"), ('e', "remove messages")];

/// Returns the known obstacles for each of these actions.
pub(crate) fn check<S: MailStream, H: Host>(
    session: &mut Session<S>,
    host: &H,
    actions: &[Action],
) -> Result<Vec<Readiness>, Error> {
    let folders = list(session, host)?;
    let foreign = folders.left_out.iter().filter(|out| out.is_foreign).count();
    if foreign > 0 {
        let text = format!("{foreign} folders of shared namespaces and of other users are not searched");
        host.log(Level::Info, &text);
    }
    let inbox = folders.of_kind(LocationKind::Inbox);
    let destinations: Vec<Option<MailFolder>> = actions
        .iter()
        .map(|action| match action {
            // The message goes back to where it came from, usually the inbox.
            Action::Restore => Some(inbox.clone()),
            _ => place::destination(*action).map(|kind| folders.of_kind(kind)),
        })
        .collect();
    let rights = Rights::ask(session, &folders, destinations.iter().flatten().chain([&inbox]))?;
    let is_revision_2 = session.can("IMAP4REV2");
    let has_uidplus = session.can("UIDPLUS") || is_revision_2;
    let has_move = session.can("MOVE") || is_revision_2;
    let readiness = actions.iter().zip(destinations).map(|(action, to)| {
        let is_removable = has_uidplus || (has_move && to.is_some());
        let obstacle = if is_removable {
            // Mail goes to the inbox from other folders, and from the inbox to all others.
            let from = (!matches!(action, Action::MoveToInbox | Action::Restore)).then_some(&inbox);
            from.and_then(|from| rights.against_removal(from)).or_else(|| rights.against_insertion(to.as_ref()?))
        } else {
            let missing = if to.is_some() { "neither MOVE nor UIDPLUS" } else { "no UIDPLUS" };
            Some(format!("the server offers {missing}: nothing can be removed without touching other messages"))
        };
        let is_made = to.as_ref().is_some_and(|to| !folders.has(to) && to.location.kind != LocationKind::Inbox);
        let path = to.map(|to| (place::is_hidden(to.location.kind), to.location.path));
        Readiness {
            action: *action,
            obstacle,
            creates: path.as_ref().filter(|_| is_made).map(|(_, path)| path.clone()),
            // In IMAP the owner can open every folder: only clients that show subscribed folders hide it.
            visible: path.filter(|(is_hidden, _)| *is_hidden).map(|(_, path)| path),
        }
    });
    Ok(readiness.collect())
}

/// Returns why nothing can be removed from this folder, if the server reports our rights. The folder stays open.
pub(crate) fn against_removal<S: MailStream>(
    session: &mut Session<S>,
    folder: &MailFolder,
) -> Result<Option<String>, Error> {
    if !session.can("ACL") {
        return Ok(None);
    }
    let reply = session.run(Command::new("MYRIGHTS ").text(folder.wire.as_str()))?;
    let rights = if reply.is_ok() { rights_in(&reply).next() } else { None };
    let rights = Rights(rights.map(|rights| (folder.wire.clone(), rights)).into_iter().collect());
    Ok(rights.against_removal(folder))
}

/// Our rights in folders, if the server reports them.
struct Rights(Vec<(String, String)>);

impl Rights {
    fn ask<'a, S: MailStream>(
        session: &mut Session<S>,
        folders: &Folders,
        wanted: impl Iterator<Item = &'a MailFolder>,
    ) -> Result<Self, Error> {
        if !session.can("ACL") {
            return Ok(Self(Vec::new()));
        }
        let mut wires: Vec<String> =
            wanted.filter(|folder| folders.has(folder)).map(|folder| folder.wire.clone()).collect();
        wires.sort_unstable();
        wires.dedup();
        let commands = wires.iter().map(|wire| Command::new("MYRIGHTS ").text(wire.as_str())).collect();
        let replies = session.flight(commands)?;
        // A server may answer a command early, but reports the folders in the order of the commands.
        let told = replies.iter().filter(|reply| reply.is_ok()).flat_map(rights_in);
        let asked = wires.into_iter().zip(&replies).filter(|(_, reply)| reply.is_ok()).map(|(wire, _)| wire);
        Ok(Self(asked.zip(told).collect()))
    }

    fn of(&self, folder: &MailFolder) -> Option<&str> {
        self.0.iter().find(|(wire, _)| *wire == folder.wire).map(|(_, rights)| rights.as_str())
    }

    fn against_removal(&self, folder: &MailFolder) -> Option<String> {
        let rights = self.of(folder)?;
        // RFC 2086 had one letter for both, which newer servers still report in addition to the granted ones.
        let is_old = !rights.contains(['t', 'e', 'x', 'k']);
        let has = |letter: char| rights.contains(letter) || (is_old && rights.contains('d'));
        let missing = REMOVE.iter().find(|(letter, _)| !has(*letter))?;
        Some(missing_right(folder, *missing))
    }

    fn against_insertion(&self, folder: &MailFolder) -> Option<String> {
        let rights = self.of(folder)?;
        (!rights.contains('i')).then(|| missing_right(folder, ('i', "put messages into it")))
    }
}

fn missing_right(folder: &MailFolder, (letter, what): (char, &str)) -> String {
    format!("the right `{letter}` ({what}) is missing on folder `{}`", folder.location.path)
}

/// Returns the last word of each `* MYRIGHTS INBOX lrswipkxte`.
fn rights_in(reply: &Reply) -> impl Iterator<Item = String> {
    let lines =
        reply.others.iter().filter(|line| line.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("MYRIGHTS ")));
    lines.filter_map(|line| line.split_ascii_whitespace().next_back()).map(|word| word.trim_matches('"').to_owned())
}
