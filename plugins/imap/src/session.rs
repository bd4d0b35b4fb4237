//! One authenticated connection: commands are sent in flights, answers are read.
//!
//! A flight writes its commands before it reads, but never has more unanswered bytes in transit than fit into a
//! server's input buffer: otherwise both ends could wait for the other to read.
//!
//! Untagged answers are assigned to the first unanswered command. A server may answer the next command of the same
//! selection early (Dovecot does, with FETCH), so the answers to several commands of one selection are read together;
//! no answer moves across the command that opens a folder.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use clawback_connector_sdk::{host::MailStream, types::Error};
use imap_codec::{
    ResponseCodec,
    fragmentizer::{FragmentInfo, Fragmentizer},
    imap_types::{
        IntoStatic,
        response::{Code, Data, Response, Status, StatusBody, StatusKind},
    },
};

use crate::{
    command::{Command, Literals},
    line::{self, Fetch, Listed},
    refusal,
    uids::Uids,
};

/// The unanswered bytes in transit; less than any server's buffers.
const WINDOW: usize = 8 * 1024;
/// The bytes of one read.
const READ: u32 = 64 * 1024;
/// The largest single answer: a message fetched whole, with a margin, and far below the memory of a component.
const LARGEST_ANSWER: u32 = 24 * 1024 * 1024;

/// The answers to one command that are kept although nothing here reads them.
const MOST_OTHERS: usize = 100;

/// The connection.
#[derive(Debug)]
pub(crate) struct Session<S> {
    stream: S,
    capabilities: BTreeSet<String>,
    incoming: Fragmentizer,
    commands: u32,
    /// Whether a flight was not answered completely: the connection cannot be used further.
    is_broken: bool,
    /// The wire name of the selected folder, and how it was opened.
    pub(crate) selected: Option<(String, Access)>,
    /// Folders known to show, or not to show, messages of other folders.
    pub(crate) views: BTreeMap<String, bool>,
}

/// How a folder was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Examine,
    Select,
}

/// The result of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ok,
    No,
    Bad,
}

/// The answer to one command.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) verdict: Verdict,
    /// The code of the tagged answer.
    pub(crate) code: Option<Code<'static>>,
    pub(crate) text: String,
    /// The codes of untagged answers, in order.
    pub(crate) codes: Vec<Code<'static>>,
    pub(crate) data: Vec<Data<'static>>,
    /// The data of messages, and of folders.
    pub(crate) fetches: Vec<Fetch>,
    pub(crate) lists: Vec<Listed>,
    /// The results of searches. Some servers send none if nothing matches.
    pub(crate) found: Uids,
    /// Untagged answers that the codec does not know, without their `* `.
    pub(crate) others: Vec<String>,
    /// The number of requested untagged answers that cannot be parsed.
    pub(crate) unreadable: usize,
}

impl Reply {
    fn new() -> Self {
        Self {
            verdict: Verdict::Bad,
            code: None,
            text: String::new(),
            codes: Vec::new(),
            data: Vec::new(),
            fetches: Vec::new(),
            lists: Vec::new(),
            found: Uids::default(),
            others: Vec::new(),
            unreadable: 0,
        }
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.verdict == Verdict::Ok
    }

    /// Returns all codes, that of the tagged answer last.
    pub(crate) fn all_codes(&self) -> impl Iterator<Item = &Code<'static>> {
        self.codes.iter().chain(&self.code)
    }

    /// Returns the UIDVALIDITY of the opened folder. Without it, UIDs are meaningless after the connection.
    pub(crate) fn uid_validity(&self) -> Option<u32> {
        self.all_codes().find_map(|code| match code {
            Code::UidValidity(validity) => Some(validity.get()),
            _ => None,
        })
    }
}

/// A command in transit.
struct Pending {
    tag: String,
    length: usize,
}

/// The kind of an answer.
enum Incoming {
    Untagged,
    Continue,
    Tagged(usize),
}

impl<S: MailStream> Session<S> {
    pub(crate) fn new(stream: S) -> Self {
        let capabilities = stream.capabilities().into_iter().map(|atom| atom.to_uppercase()).collect();
        let incoming = Fragmentizer::new(LARGEST_ANSWER);
        Self { stream, capabilities, incoming, commands: 0, is_broken: false, selected: None, views: BTreeMap::new() }
    }

    pub(crate) fn can(&self, capability: &str) -> bool {
        self.capabilities.contains(capability)
    }

    /// Returns whether the connection can no longer be used.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Returns the connection to the host, if all flights were answered completely.
    pub(crate) fn release(mut self) {
        if !self.is_broken {
            self.stream.release();
        }
    }

    /// Runs one command.
    pub(crate) fn run(&mut self, command: Command) -> Result<Reply, Error> {
        let mut replies = self.flight(vec![command])?;
        replies.pop().ok_or_else(|| Error::Permanent("a flight of one command has one answer".into()))
    }

    /// Sends all commands and returns all answers, in order.
    pub(crate) fn flight(&mut self, commands: Vec<Command>) -> Result<Vec<Reply>, Error> {
        let replies = self.exchange(commands);
        self.is_broken |= replies.is_err();
        replies
    }

    fn exchange(&mut self, commands: Vec<Command>) -> Result<Vec<Reply>, Error> {
        let literals = match (self.can("LITERAL+"), self.can("LITERAL-")) {
            (true, _) => Literals::Plus,
            (_, true) => Literals::Minus,
            _ => Literals::Asked,
        };
        let mut replies: Vec<Reply> = commands.iter().map(|_| Reply::new()).collect();
        let mut pending: VecDeque<Pending> = VecDeque::new();
        let (mut buffer, mut done) = (Vec::new(), 0_usize);
        for command in commands {
            self.commands = self.commands.wrapping_add(1);
            let tag = format!("c{}", self.commands);
            let encoded = command.encode(&tag, literals);
            let on_the_way: usize = pending.iter().map(|one| one.length).sum();
            if !pending.is_empty() && on_the_way + encoded.bytes.len() > WINDOW {
                self.send(&mut buffer)?;
                // Down to half, so that the next write is worthwhile.
                while pending.iter().map(|one| one.length).sum::<usize>() > WINDOW / 2 {
                    self.receive(&mut pending, &mut replies, &mut done)?;
                }
            }
            pending.push_back(Pending { tag, length: encoded.bytes.len() });
            let mut sent = 0;
            for wait in encoded.waits {
                buffer.extend_from_slice(&encoded.bytes[sent..wait]);
                sent = wait;
                self.send(&mut buffer)?;
                let mine = done + pending.len() - 1;
                let is_refused = loop {
                    match self.receive(&mut pending, &mut replies, &mut done)? {
                        Incoming::Continue => break false,
                        Incoming::Tagged(at) if at == mine => break true,
                        Incoming::Tagged(_) | Incoming::Untagged => {}
                    }
                };
                if is_refused {
                    sent = encoded.bytes.len();
                    break;
                }
            }
            buffer.extend_from_slice(&encoded.bytes[sent..]);
        }
        self.send(&mut buffer)?;
        while !pending.is_empty() {
            self.receive(&mut pending, &mut replies, &mut done)?;
        }
        Ok(replies)
    }

    fn send(&mut self, buffer: &mut Vec<u8>) -> Result<(), Error> {
        if !buffer.is_empty() {
            self.stream.write(buffer).map_err(refusal::of_stream)?;
            buffer.clear();
        }
        Ok(())
    }

    /// Reads one answer and assigns it to the first unanswered command. `done` counts the answered ones.
    fn receive(
        &mut self,
        pending: &mut VecDeque<Pending>,
        replies: &mut [Reply],
        done: &mut usize,
    ) -> Result<Incoming, Error> {
        self.complete()?;
        let Some(reply) = replies.get_mut(*done) else {
            return Err(Error::Permanent("the server answered what was not asked".into()));
        };
        let told = self.incoming.message_bytes();
        if self.incoming.is_max_message_size_exceeded() && told.starts_with(b"* ") {
            reply.unreadable += 1;
            return Ok(Incoming::Untagged);
        }
        if let Some(fetch) = line::fetch(told) {
            reply.unreadable += usize::from(fetch.is_broken);
            reply.fetches.push(fetch);
            return Ok(Incoming::Untagged);
        }
        if let Some(listed) = line::list(told) {
            reply.unreadable += usize::from(listed.is_err());
            reply.lists.extend(listed);
            return Ok(Incoming::Untagged);
        }
        let response = match self.incoming.decode_message(&ResponseCodec::default()) {
            Ok(response) => response.into_static(),
            Err(_) => return unreadable(self.incoming.message_bytes(), pending, reply, done),
        };
        let body = match response {
            Response::CommandContinuationRequest(_) => return Ok(Incoming::Continue),
            Response::Data(Data::Search(uids)) => {
                for uid in uids {
                    reply.found.push(uid.get(), uid.get());
                }
                return Ok(Incoming::Untagged);
            }
            Response::Data(data) => {
                reply.data.push(data);
                return Ok(Incoming::Untagged);
            }
            Response::Status(Status::Untagged(body)) => {
                reply.codes.extend(body.code);
                return Ok(Incoming::Untagged);
            }
            Response::Status(Status::Bye(bye)) => {
                return Err(refusal::of_bye(bye.text.as_ref()));
            }
            Response::Status(Status::Tagged(tagged)) => {
                if pending.front().is_none_or(|first| first.tag != tagged.tag.inner()) {
                    return Err(Error::Permanent("the server answered commands out of order".into()));
                }
                tagged.body
            }
        };
        Ok(finish(body, pending, reply, done))
    }

    /// Reads until one answer is complete.
    fn complete(&mut self) -> Result<(), Error> {
        loop {
            match self.incoming.progress() {
                Some(FragmentInfo::Line { announcement: None, .. }) => {
                    return Ok(());
                }
                Some(_) => {}
                None => {
                    let bytes = self.stream.read(READ).map_err(refusal::of_stream)?;
                    if bytes.is_empty() {
                        return Err(Error::Transient("the connection ended".into()));
                    }
                    self.incoming.enqueue_bytes(&bytes);
                }
            }
        }
    }
}

fn finish(body: StatusBody<'static>, pending: &mut VecDeque<Pending>, reply: &mut Reply, done: &mut usize) -> Incoming {
    reply.verdict = match body.kind {
        StatusKind::Ok => Verdict::Ok,
        StatusKind::No => Verdict::No,
        StatusKind::Bad => Verdict::Bad,
    };
    reply.code = body.code;
    reply.text = body.text.to_string();
    pending.pop_front();
    let answered = *done;
    *done += 1;
    Incoming::Tagged(answered)
}

/// Handles what the codec does not parse: `ESEARCH`, which it does not know, and invalid answers.
fn unreadable(
    bytes: &[u8],
    pending: &mut VecDeque<Pending>,
    reply: &mut Reply,
    done: &mut usize,
) -> Result<Incoming, Error> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end();
    if let Some(rest) = text.get(..10).filter(|start| start.eq_ignore_ascii_case("* ESEARCH ")).map(|_| &text[10..]) {
        match esearch(rest) {
            Some(found) => reply.found.extend(&found),
            None => reply.unreadable += 1,
        }
        return Ok(Incoming::Untagged);
    }
    if text.eq_ignore_ascii_case("* ESEARCH") {
        return Ok(Incoming::Untagged);
    }
    if let Some(rest) = text.strip_prefix("* ") {
        // Unsolicited answers may be anything; a requested answer must not be lost.
        let is_asked = |word: &str| ["SEARCH", "NAMESPACE"].iter().any(|one| word.eq_ignore_ascii_case(one));
        reply.unreadable += usize::from(rest.split(' ').take(1).any(is_asked));
        if reply.others.len() < MOST_OTHERS {
            reply.others.push(rest.to_owned());
        }
        return Ok(Incoming::Untagged);
    }
    if text.starts_with('+') {
        return Ok(Incoming::Continue);
    }
    let (tag, rest) = text.split_once(' ').unwrap_or((text, ""));
    let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let verdict = match word.to_uppercase().as_str() {
        "OK" => Verdict::Ok,
        "NO" => Verdict::No,
        "BAD" => Verdict::Bad,
        _ => return Err(Error::Permanent("the server sent what is not IMAP".into())),
    };
    if pending.front().is_none_or(|first| first.tag != tag) {
        return Err(Error::Permanent("the server answered commands out of order".into()));
    }
    pending.pop_front();
    (reply.verdict, reply.text) = (verdict, rest.to_owned());
    *done += 1;
    Ok(Incoming::Tagged(*done - 1))
}

/// Parses `(TAG "c1") UID ALL 1:3,5`; without ALL nothing was found.
fn esearch(text: &str) -> Option<Uids> {
    let text = match text.strip_prefix('(') {
        Some(rest) => rest.split_once(')')?.1,
        None => text,
    };
    let mut words = text.split_ascii_whitespace().skip_while(|word| word.eq_ignore_ascii_case("UID"));
    while let Some(word) = words.next() {
        let value = words.next()?;
        if word.eq_ignore_ascii_case("ALL") {
            return Uids::parse(value);
        }
    }
    Some(Uids::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_esearch() {
        let read = |text| esearch(text).map(|uids| uids.iter().collect::<Vec<_>>());
        assert_eq!(read("(TAG \"c1\") UID ALL 1:3,5"), Some(vec![1, 2, 3, 5]));
        assert_eq!(read("(TAG \"c1\") UID"), Some(Vec::new()));
        assert_eq!(read("(TAG \"c1\") UID COUNT 2 ALL 7,9"), Some(vec![7, 9]));
        assert_eq!(read("(TAG \"c1\") UID ALL x"), None);
        assert_eq!(read("(TAG"), None);
    }
}
