//! Records a case from the results of a search, with pseudonyms.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use clawback_model::{Inputs, Message, is_deceptive};
use clawback_scripting::Type;

use super::error::CaseError;
use super::mail::Mail;
use super::playbook::{PlaybookCase, word};
use super::pseudonym::Pseudonyms;
use crate::bind::Bound;
use crate::env::Env;
use crate::judge::Judgement;

/// The data from which a case is recorded.
#[derive(Debug)]
pub struct Recording<'a> {
    /// The playbook with its inputs, at the time of the search.
    pub bound: &'a Bound,
    /// The inputs, as given.
    pub inputs: &'a Inputs,
    /// The messages that were found.
    pub messages: &'a [Message],
    /// The lists of the configuration; the case gets those entries that its messages match.
    pub lists: &'a BTreeMap<String, Vec<String>>,
    /// A random key that is used only for this case.
    pub key: [u8; 32],
    /// Whether subjects, display names, names of attachments and values of header fields are kept.
    pub with_subjects: bool,
}

/// A recorded case.
#[derive(Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The text of the file.
    pub text: String,
    /// The messages that the playbook judges differently with pseudonyms, because conditions on replaced texts do not
    /// hold.
    pub judged_otherwise: usize,
}

impl Recording<'_> {
    /// Writes the case; it expects the result of the playbook on the pseudonyms.
    pub fn write(&self, env: &Env) -> Result<Recorded, CaseError> {
        let names = Pseudonyms::new(self.key);
        let mails: Vec<Mail> = self.messages.iter().map(|message| self.mail(&names, message)).collect();
        let body = self.body(&names, &mails);
        let case = PlaybookCase::parse(&body)?;
        let playbook = self.bound.playbook();
        let (path, source) = (format!("{}.yaml", playbook.name()), playbook.source());
        let expected = case.found(&path, source, env)?;
        let (before, after) = (self.bound.filter(self.messages), case.judgements(&path, source, env)?);
        let is_other = |number: &usize| before.get(*number).map(outline) != after.get(*number).map(outline);
        let judged_otherwise = (0..before.len()).filter(is_other).count();
        let mut text = format!(
            "# Recorded from a search: addresses, domains and Message-IDs are replaced by hashes.\nnow = \"{}\"\nexpected = \"\"\"\n",
            self.bound.now()
        );
        for line in expected.lines() {
            let _ = writeln!(text, "{}", escaped(line));
        }
        let _ = write!(text, "\"\"\"\n{body}");
        Ok(Recorded { text, judged_otherwise })
    }

    fn mail(&self, names: &Pseudonyms, message: &Message) -> Mail {
        let address = |one: &String| names.address(one);
        let mut mail = Mail::from(message);
        mail.mailbox = names.address(&mail.mailbox);
        mail.message_id = names.message_id(&mail.message_id);
        mail.location = names.location(&message.location).to_string();
        mail.original_location = message.original_location.as_ref().map(|place| names.location(place).to_string());
        mail.from = names.address(&mail.from);
        mail.also_from = mail.also_from.iter().map(address).collect();
        mail.to = mail.to.iter().map(address).collect();
        if !self.with_subjects {
            (mail.subject, mail.from_name) = (String::new(), String::new());
            mail.attachments = mail.attachments.iter().map(|name| names.attachment(name)).collect();
            mail.headers = mail.headers.into_iter().map(|(name, value)| (name, names.value(&value))).collect();
        }
        mail
    }

    /// Writes everything except the plan.
    fn body(&self, names: &Pseudonyms, mails: &[Mail]) -> String {
        let mut text = String::from("\n[inputs]\n");
        for (name, values) in self.inputs.iter() {
            let values: Vec<String> = values.iter().map(|value| self.input(names, name, value)).collect();
            let _ = match values.as_slice() {
                [one] => writeln!(text, "{} = {}", quoted(name), quoted(one)),
                several => writeln!(text, "{} = {}", quoted(name), list(several)),
            };
        }
        text.push_str("\n[lists]\n");
        let met = self.met();
        for (name, entries) in self.lists {
            let entries = entries.iter().filter(|entry| met.contains(&entry.trim().to_lowercase()));
            let renamed = entries.map(|entry| self.entry(names, entry.trim())).collect::<Vec<_>>();
            let _ = writeln!(text, "{} = {}", quoted(name), list(&renamed));
        }
        for mail in mails {
            text.push_str("\n[[message]]\n");
            for (name, value) in fields(mail) {
                let _ = writeln!(text, "{name} = {value}");
            }
        }
        text
    }

    /// Replaces a value: by the type of the input, or by its form if that is a text.
    fn input(&self, names: &Pseudonyms, name: &str, value: &str) -> String {
        let declared = self.bound.playbook().inputs().iter().find(|input| input.name == name);
        let value = value.trim();
        let kind = declared.map(|input| match &input.kind {
            Type::List(item) => &**item,
            kind => kind,
        });
        match kind {
            Some(Type::Address) => names.address(value),
            Some(Type::Domain) => names.domain(value),
            _ if value.starts_with('<') && value.ends_with('>') && value.contains('@') => names.message_id(value),
            _ if value.contains('@') && !value.contains(char::is_whitespace) => names.address(value),
            _ => value.to_owned(),
        }
    }

    fn entry(&self, names: &Pseudonyms, entry: &str) -> String {
        let is_mailbox = self.messages.iter().any(|message| message.mailbox.eq_ignore_ascii_case(entry));
        if entry.contains('@') || is_mailbox { names.address(entry) } else { names.domain(entry) }
    }

    /// Returns every address of the messages, its domain, and each parent domain.
    fn met(&self) -> BTreeSet<String> {
        let mut met = BTreeSet::new();
        for message in self.messages {
            let addresses = message.senders().chain([&*message.mailbox]).chain(message.to.iter().map(String::as_str));
            for address in addresses.map(str::to_lowercase) {
                let mut domain = address.rsplit_once('@').map(|(_, domain)| domain);
                while let Some(part) = domain {
                    met.insert(part.to_owned());
                    domain = part.split_once('.').map(|(_, above)| above);
                }
                met.insert(address);
            }
        }
        met
    }
}

/// Returns the judgement on a message, without texts that may name it.
fn outline(judgement: &Judgement) -> (&'static str, String) {
    let by = match judgement {
        Judgement::Keep { .. } => "",
        Judgement::Unmatched { by } | Judgement::Undecided { by } => by,
        Judgement::Drop { by, .. } => by,
        Judgement::Fault { script, .. } => script,
    };
    (word(judgement), by.to_owned())
}

/// Returns the fields that are written of a message, each value as TOML.
fn fields(mail: &Mail) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("store", quoted(&mail.store)),
        ("mailbox", quoted(&mail.mailbox)),
        ("message-id", quoted(&mail.message_id)),
        ("location", quoted(&mail.location)),
    ];
    fields.extend(mail.original_location.as_ref().map(|place| ("original-location", quoted(place))));
    fields.extend([
        ("subject", quoted(&mail.subject)),
        ("from", quoted(&mail.from)),
        ("from-name", quoted(&mail.from_name)),
        ("to", list(&mail.to)),
        ("received-at", quoted(&mail.received_at)),
        ("size", mail.size.to_string()),
    ]);
    for (name, values) in [("also-from", &mail.also_from), ("flags", &mail.flags), ("attachments", &mail.attachments)] {
        fields.extend((!values.is_empty()).then(|| (name, list(values))));
    }
    let pairs: Vec<String> =
        mail.headers.iter().map(|(name, value)| format!("[{}, {}]", quoted(name), quoted(value))).collect();
    fields.extend((!pairs.is_empty()).then(|| ("headers", format!("[{}]", pairs.join(", ")))));
    fields
}

fn list(values: &[String]) -> String {
    format!("[{}]", values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", "))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// Returns a TOML string in which deceptive characters are escaped.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => safe.extend(['\\', c]),
            c if is_deceptive(c) => {
                let _ = write!(safe, "\\U{:08X}", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use clawback_model::Timestamp;
    use clawback_scripting::Lists;

    use super::*;
    use crate::load::Playbook;

    const PLAYBOOK: &str = "playbook: p\non: { manual: {} }\ninputs:\n  sender: { type: address }\n  subject: { type: text }\nsteps:\n  - search: { where: { from: \"${inputs.sender}\", subject-contains: \"${inputs.subject}\" } }\n  - filter: { script: keep.rhai }\n  - remediate: { action: soft-delete }\n";
    const SCRIPT: &str = "fn keep(message) { #{ keep: !message.mailbox_in(vips), reason: message.from_domain } }";

    fn recorded(subject: Option<&str>, with_subjects: bool) -> Recorded {
        let lists =
            BTreeMap::from([("vips".to_owned(), vec!["Ben@corp.example".to_owned(), "zoe@corp.example".to_owned()])]);
        let scripts = BTreeMap::from([("keep.rhai".to_owned(), SCRIPT.to_owned())]);
        let env = Env { scripts, lists: Lists::new(lists.clone()).unwrap(), ..Env::default() };
        let mut inputs = Inputs::from([("sender", "Eve@evil.example")]);
        if let Some(subject) = subject {
            inputs.push("subject", subject);
        }
        let bound = Playbook::load("p.yaml", PLAYBOOK, &env).unwrap().bind(&inputs, Timestamp(0)).unwrap();
        let mail = |mailbox: &str| {
            let mail = Mail {
                store: "mail".into(),
                mailbox: mailbox.into(),
                from: "eve@evil.example".into(),
                subject: "Salary \u{202e} of \"Ann\"".into(),
                location: "folder:Divorce".into(),
                headers: vec![("list-id".into(), "secret".into())],
                ..Mail::default()
            };
            mail.message().unwrap()
        };
        let messages = [mail("ann@corp.example"), mail("ben@corp.example")];
        let key = [7; 32];
        let recording =
            Recording { bound: &bound, inputs: &inputs, messages: &messages, lists: &lists, key, with_subjects };
        let recorded = recording.write(&env).unwrap();
        let case = PlaybookCase::parse(&recorded.text).unwrap_or_else(|error| panic!("{error}\n{}", recorded.text));
        assert_eq!(case.run("p.yaml", PLAYBOOK, &env), Ok(()), "a recorded case passes");
        recorded
    }

    #[test]
    fn conditions_hold_under_other_names_and_nothing_of_the_old_is_left() {
        let Recorded { text, judged_otherwise } = recorded(None, false);
        assert_eq!(judged_otherwise, 0, "{text}");
        assert!(text.contains("\nkeep  u") && text.contains("\ndrop  u") && text.contains(" by keep.rhai"), "{text}");
        for name in ["ann", "ben", "zoe", "eve", "corp", "evil", "Divorce", "secret", "Salary", "Billing"] {
            assert!(!text.to_lowercase().contains(&name.to_lowercase()), "{name} in {text}");
        }
    }

    #[test]
    fn subjects_are_kept_where_they_are_asked_for_and_missed_where_they_are_not() {
        assert_eq!(recorded(Some("salary"), false).judged_otherwise, 2);
        let Recorded { text, judged_otherwise } = recorded(Some("salary"), true);
        assert_eq!(judged_otherwise, 0, "{text}");
        assert!(text.contains(r#"subject = "Salary \U0000202E of \"Ann\"""#) && text.contains("secret"), "{text}");
        assert!(!text.chars().any(|c| c != '\n' && is_deceptive(c)));
    }
}
