//! A server that plays a script, for behaviour that no real server can be made to show.

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    rc::Rc,
};

use clawback_connector_imap::Imap;
use clawback_connector_sdk::host::{Host, Level, MailServer, MailStream, StreamError};

/// Part of a command, and its answers.
type Line = (String, VecDeque<String>);

/// Answers each command that contains the first text with the second; `TAG` in it is the command's tag. The first
/// matching entry that is not used up answers; a command without a match gets OK.
#[derive(Clone)]
pub(crate) struct Scripted {
    capabilities: Vec<String>,
    script: Rc<RefCell<Vec<Line>>>,
    pub(crate) seen: Rc<RefCell<Vec<String>>>,
    pub(crate) released: Rc<RefCell<bool>>,
    settings: HashMap<String, String>,
}

impl Scripted {
    pub(crate) fn new(capabilities: &str, script: &[(&str, &[&str])]) -> Self {
        let script = script
            .iter()
            .map(|(wanted, answers)| ((*wanted).to_owned(), answers.iter().map(|one| (*one).to_owned()).collect()))
            .collect();
        Self {
            capabilities: capabilities.split(' ').map(str::to_owned).collect(),
            script: Rc::new(RefCell::new(script)),
            seen: Rc::default(),
            released: Rc::default(),
            settings: HashMap::new(),
        }
    }

    pub(crate) fn with_setting(mut self, key: &str, value: &str) -> Self {
        self.settings.insert(key.into(), value.into());
        self
    }

    pub(crate) fn connector(&self) -> Imap<Self> {
        Imap::new(self.clone())
    }

    fn answer(&self, line: &str) -> String {
        let tag = line.split(' ').next().unwrap_or_default();
        self.seen.borrow_mut().push(line.to_owned());
        for (wanted, answers) in self.script.borrow_mut().iter_mut() {
            if line.contains(wanted.as_str()) {
                // The last answer is repeated.
                let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
                if let Some(answer) = answer {
                    return answer.replace("TAG", tag);
                }
            }
        }
        format!("{tag} OK done\r\n")
    }
}

impl Host for Scripted {
    fn setting(&self, key: &str) -> Option<String> {
        self.settings.get(key).cloned()
    }

    fn log(&self, _: Level, _: &str) {}

    fn now(&self) -> i64 {
        0
    }

    fn sleep(&self, _: std::time::Duration) {}
}

impl MailServer for Scripted {
    type Stream = Play;

    fn open(&self, _: &str) -> Result<Play, StreamError> {
        Ok(Play { server: self.clone(), incoming: Vec::new(), command: Vec::new(), outgoing: VecDeque::new() })
    }
}

/// One connection.
pub(crate) struct Play {
    server: Scripted,
    incoming: Vec<u8>,
    command: Vec<u8>,
    outgoing: VecDeque<u8>,
}

impl MailStream for Play {
    fn capabilities(&self) -> Vec<String> {
        self.server.capabilities.clone()
    }

    /// Reads small pieces, as a slow network would.
    fn read(&mut self, most: u32) -> Result<Vec<u8>, StreamError> {
        let count = self.outgoing.len().min(7).min(most as usize);
        if count == 0 {
            return Err(StreamError::Closed("the script is over".into()));
        }
        Ok(self.outgoing.drain(..count).collect())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        self.incoming.extend_from_slice(bytes);
        while let Some(end) = self.incoming.windows(2).position(|pair| pair == b"\r\n") {
            let line: Vec<u8> = self.incoming.drain(..end + 2).collect();
            self.command.extend_from_slice(&line[..end]);
            if line[..end].ends_with(b"}") {
                // A literal: it becomes part of the line. The tests send none that contains a line end.
                if !line[..end].ends_with(b"+}") {
                    self.outgoing.extend(b"+ go on\r\n");
                }
                continue;
            }
            let command = String::from_utf8_lossy(&std::mem::take(&mut self.command)).into_owned();
            self.outgoing.extend(self.server.answer(&command).bytes());
        }
        Ok(())
    }

    fn release(&mut self) {
        *self.server.released.borrow_mut() = true;
    }
}
