//! A search: one request for a page of messages, which are compared here; the folders are listed only if one matches.

use clawback_connector_sdk::{
    attachment as names,
    host::{Host, Http, Memo},
    matching,
    page::{self, Budget},
    place,
    types::{Error, Gap, LocationKind, Message, MessagePage, Query},
    web,
};

use crate::{
    address, attachment,
    client::Client,
    cursor::Cursor,
    filter::Plan,
    link,
    places::{Places, Spot},
    raw,
    record::{self, Whole},
    scope,
    wire::{Mail, Page as Listing},
};

/// The most messages of one page, whatever the host requests.
const A_PAGE: usize = 1_000;
/// The most messages of one request: fewer with header fields, because large answers time out at Microsoft.
const TOP: usize = 1_000;
const TOP_WITH_HEADERS: usize = 250;
const LEAST: usize = 100;
/// The most requests for messages of one call, and the longest time for them in microseconds. Then the page ends, after at
/// least one slice of messages.
const REQUESTS: usize = 50;
const TIME: i64 = 20_000_000;
/// How many messages are looked into without a look at the clock.
const A_SLICE: usize = 10;

/// Returns one page.
pub(crate) fn search<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    query: &Query,
    cursor: Option<&str>,
    most: u32,
) -> Result<MessagePage, Error> {
    let (plan, began) = (Plan::of(query), client.host.now());
    let mut places = Places::new(client);
    let scopes = scope::of(query, &mut places, cursor.is_none())?;
    let cursor = cursor.map(Cursor::parse).transpose()?;
    let Some(first) = scopes.first() else {
        return Ok(MessagePage { messages: Vec::new(), next: None, gaps: Vec::new() });
    };
    let wants_headers = !query.header_contains.is_empty() || !query.want_headers.is_empty();
    let most = page::size(most, A_PAGE);
    let run = Run {
        client,
        query,
        plan,
        places,
        most,
        wants_headers,
        cursor: cursor.unwrap_or_else(|| Cursor::at(first, 0)),
        budget: Budget::default(),
        messages: Vec::new(),
        gaps: Vec::new(),
        top: most.clamp(LEAST, if wants_headers { TOP_WITH_HEADERS } else { TOP }),
        began,
    };
    run.fill(&scopes)
}

/// The page under construction.
struct Run<'c, 'a, H> {
    client: &'c Client<'a, H>,
    query: &'c Query,
    plan: Plan<'c>,
    places: Places<'c, 'a, H>,
    most: usize,
    wants_headers: bool,
    cursor: Cursor,
    budget: Budget,
    messages: Vec<Message>,
    gaps: Vec<Gap>,
    /// The most messages of one request.
    top: usize,
    began: i64,
}

/// A message that matches, as far as the folder does not matter.
struct Hit {
    whole: Whole,
    /// The names of its attachments, and whether these are not all.
    names: Option<(Vec<String>, bool)>,
}

/// Whether the listing of one folder goes on.
#[derive(PartialEq, Eq)]
enum Step {
    More,
    Over,
    /// The page is full.
    Full,
}

impl<H: Host + Http + Memo> Run<'_, '_, H> {
    fn fill(mut self, scopes: &[String]) -> Result<MessagePage, Error> {
        let mut requests = 0;
        for scope in scopes.iter().filter(|scope| **scope >= self.cursor.scope.clone()).cloned().collect::<Vec<_>>() {
            if scope != self.cursor.scope {
                self.cursor = Cursor::at(&scope, 0);
            }
            while self.cursor.chunk < self.plan.count() {
                loop {
                    if requests == REQUESTS || requests > 0 && self.is_late() {
                        return Ok(self.end(true));
                    }
                    requests += 1;
                    match self.step()? {
                        Step::More => {}
                        Step::Over => break,
                        Step::Full => return Ok(self.end(true)),
                    }
                }
                self.cursor = Cursor::at(&scope, self.cursor.chunk + 1);
            }
        }
        Ok(self.end(false))
    }

    /// Whether the time of this call is over.
    fn is_late(&self) -> bool {
        self.client.host.now() - self.began > TIME
    }

    fn end(self, is_more: bool) -> MessagePage {
        MessagePage { messages: self.messages, next: is_more.then(|| self.cursor.text()), gaps: self.gaps }
    }

    /// Returns the query of the next request.
    fn request(&self) -> String {
        if let Some(link) = &self.cursor.link {
            return link.clone();
        }
        let headers = if self.wants_headers { ",internetMessageHeaders" } else { "" };
        let select = format!("{},ccRecipients{headers}", record::IDENTITY);
        let top = self.top.to_string();
        let filter = self.plan.filter(self.cursor.chunk, self.query, self.cursor.second);
        let query = [
            ("$filter", filter.as_str()),
            ("$orderby", "receivedDateTime asc"),
            ("$select", &select),
            ("$expand", record::SIZE),
            ("$top", &top),
        ];
        web::query(query)
    }

    /// Requests one page of Graph and reads it.
    fn step(&mut self) -> Result<Step, Error> {
        let folder = &self.cursor.scope;
        let below = if folder == scope::ALL { String::new() } else { address::folder(folder) };
        let path = format!("{}{below}/messages", self.client.base());
        let request = self.request();
        let listing: Listing<Mail> = match self.client.get_page(&format!("{path}?{request}"))? {
            Some(Ok(listing)) => listing,
            // The folder is gone, and what was in it is elsewhere or gone, too.
            Some(Err(reply)) if reply.is_missing() && folder != scope::ALL => return Ok(Step::Over),
            Some(Err(reply)) => return Err(reply.error("the search was refused")),
            None if self.top > 1 && !self.cursor.is_full() => {
                // Messages with thousands of recipients: fewer of them at once.
                self.top = (self.top / 10).max(1);
                (self.cursor.link, self.cursor.skip) = (None, 0);
                return Ok(Step::More);
            }
            None => return Err(Error::Permanent("the properties of one message are too large to be read".into())),
        };
        let before = self.cursor.second;
        let skip = self.cursor.skip.min(listing.value.len());
        let is_costly = self.wants_headers || matching::needs_attachments(self.query);
        let mut is_onward = false;
        for slice in listing.value[skip..].chunks(if is_costly { A_SLICE } else { TOP }) {
            if is_onward && self.is_late() {
                return Ok(self.full(request));
            }
            is_onward |= slice.iter().any(|mail| !self.cursor.has(&mail.id, second(mail)));
            let hits = self.read(slice)?;
            for (mail, hit) in slice.iter().zip(hits) {
                let is_new = self.cursor.pass(&mail.id, second(mail));
                self.cursor.skip += 1;
                if let (true, Some(hit)) = (is_new, hit) {
                    self.take(mail, hit)?;
                }
                if self.messages.len() == self.most || self.budget.is_spent() {
                    return Ok(self.full(request));
                }
            }
        }
        self.cursor.skip = 0;
        let Some(next) = listing.next else { return Ok(Step::Over) };
        let next = link::query(&next, &path, listing.context.as_deref())?;
        // A second with more messages than a cursor can name is counted, too.
        self.cursor.link = (self.cursor.second == before || self.cursor.is_full()).then_some(next);
        Ok(Step::More)
    }

    /// Ends the page within this request.
    fn full(&mut self, request: String) -> Step {
        if self.cursor.is_full() {
            // Too many in one second to be told apart by what was seen: this very page is counted.
            self.cursor.link.get_or_insert(request);
        } else {
            (self.cursor.link, self.cursor.skip) = (None, 0);
        }
        Step::Full
    }

    /// Returns which of these messages match, folders aside.
    fn read(&mut self, slice: &[Mail]) -> Result<Vec<Option<Hit>>, Error> {
        let bare = Query { header_contains: Vec::new(), ..self.query.clone() };
        let mut hits: Vec<Option<Hit>> = slice.iter().map(|_| None).collect();
        // Those whose header fields Graph does not have: drafts and sent messages.
        let mut unknown: Vec<usize> = Vec::new();
        for (at, mail) in slice.iter().enumerate() {
            if self.cursor.has(&mail.id, second(mail)) {
                continue;
            }
            if !address::is_id(&mail.id) {
                self.gap("", "the store gave it an id of another form than documented");
                continue;
            }
            let block = if self.wants_headers { record::block(mail) } else { Some(Vec::new()) };
            let is_known = block.is_some();
            let whole = Whole::read(mail, block.unwrap_or_default(), self.query);
            if !whole.matches(if is_known { self.query } else { &bare }) {
                continue;
            }
            if is_known {
                hits[at] = Some(Hit { whole, names: None });
            } else {
                unknown.push(at);
            }
        }
        for at in unknown {
            match raw::header(self.client, &slice[at].id)? {
                Ok(Some(header)) => {
                    let whole = Whole::read(&slice[at], header, self.query);
                    hits[at] = whole.matches(self.query).then_some(Hit { whole, names: None });
                }
                Ok(None) => {}
                Err(why) => self.gap(&slice[at].id, &why),
            }
        }
        if matching::needs_attachments(self.query) {
            let open: Vec<usize> = (0..hits.len()).filter(|at| hits[*at].is_some()).collect();
            let ids: Vec<&str> = open.iter().map(|at| slice[*at].id.as_str()).collect();
            for (at, names) in open.into_iter().zip(attachment::names(self.client, &ids)?) {
                if let Some(hit) = &mut hits[at] {
                    hit.names = Some(names);
                }
            }
        }
        Ok(hits)
    }

    /// Puts a message into the page if its folder is wanted.
    fn take(&mut self, mail: &Mail, hit: Hit) -> Result<(), Error> {
        if !self.plan.is_of(self.cursor.chunk, hit.whole.whole()) {
            return Ok(());
        }
        if let Some((names, is_cut)) = &hit.names
            && !is_cut
            && !matching::matches_attachments(self.query, names)
        {
            return Ok(());
        }
        let id = mail.parent_folder_id.as_deref();
        let mut spot = self.places.spot(id)?;
        // Its name may be of an earlier listing, and a plan that has an old one finds the message moved.
        if matches!(&spot, Spot::In(folder) if folder.kind() == LocationKind::Folder) && self.places.refresh()? {
            spot = self.places.spot(id)?;
        }
        let why = match &spot {
            Spot::Gone => return Ok(()),
            Spot::In(folder) if place::is_wanted(self.query, folder.kind(), &folder.path) => {
                place::unspeakable(&folder.path)
            }
            _ => None,
        };
        if let Some(why) = why {
            self.gap(&mail.id, why);
            return Ok(());
        }
        let location = spot.location();
        // Hidden folders are asked for one by one.
        let is_twice = self.cursor.scope == scope::ALL && place::is_hidden(location.kind);
        if is_twice || !place::is_wanted(self.query, location.kind, &location.path) {
            return Ok(());
        }
        let mut message = hit.whole.bounded(location);
        if let Some((found, is_cut)) = hit.names {
            names::put(&mut message, found);
            if is_cut && !message.cut.iter().any(|cut| cut == "attachments") {
                message.cut.push("attachments".to_owned());
            }
        }
        // A full page keeps the message that fills it.
        let _ = self.budget.take(&message);
        self.messages.push(message);
        Ok(())
    }

    fn gap(&mut self, item: &str, reason: &str) {
        self.gaps.push(Gap { folder: String::new(), item: item.to_owned(), reason: reason.to_owned() });
    }
}

/// Returns the second of the receipt of a message, since 1970 UTC.
fn second(mail: &Mail) -> Option<i64> {
    let time = mail.received_date_time.as_deref().and_then(web::from_rfc3339);
    time.map(|time| time.div_euclid(1_000_000))
}
