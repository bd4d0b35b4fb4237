//! The language: every key, its possible values, and its meaning. The check, the JSON Schema and the test of the README
//! are all derived from this table.

use clawback_model::{AuthenticationResult, ClusterBy, Digest, Pattern, Root, Timestamp, parse_network};
use clawback_scripting::parse_duration;

use crate::shape::{Form, Key, Shape, key, must};
use crate::value::{check_address, check_domain, check_url};

const SEVERITIES: &[&str] = &["informational", "low", "medium", "high"];
const ROLES: &[&str] = &["approver", "admin"];
const ACTIONS: &[&str] = &[
    "move-to-junk",
    "move-to-inbox",
    "move-to-deleted-items",
    "soft-delete",
    "hard-delete",
    "move-to-quarantine",
    "restore",
];
const LOCATIONS: &[&str] = &[
    "inbox",
    "junk",
    "deleted-items",
    "sent-items",
    "archive",
    "recoverable-items",
    "quarantine",
    "folder",
    "on-premises-external",
    "failed",
    "dropped",
    "unknown",
];
const VERDICTS: &[&str] = &["malicious", "suspicious", "no-threats-found"];

/// The occasions of notifications.
pub(crate) const OCCASIONS: &[&str] = &["pending", "started", "paused", "finished", "failed"];

static DURATION: Form = Form {
    noun: "duration",
    hint: "write 15m, 48h, 7d or 1d12h",
    check: |text| parse_duration(text).map(|_| ()).ok_or_else(|| "a number and a unit belong together".to_owned()),
};
static TIME: Form = Form {
    noun: "time",
    hint: "write 2026-11-23, 2026-11-23T12:00:00Z, or an expression such as ${now - days(7)}",
    check: |text| Timestamp::parse(text).map(|_| ()).ok_or_else(|| "not a date or RFC 3339 time".to_owned()),
};
static ADDRESS: Form = Form { noun: "mail address", hint: "write someone@domain.example", check: check_address };
static DOMAIN: Form = Form { noun: "domain", hint: "write domain.example, without @", check: check_domain };
static NETWORK: Form = Form {
    noun: "network",
    hint: "write 192.0.2.0/24, 2001:db8::/32, or one address",
    check: |text| parse_network(text).map(|_| ()).ok_or_else(|| "not an address with or without a prefix".to_owned()),
};
static RESULT: Form = Form {
    noun: "result of authentication",
    hint: "write spf=fail, dkim=none or dmarc=pass",
    check: |text| text.parse::<AuthenticationResult>().map(|_| ()).map_err(|error| error.to_string()),
};
static URL: Form = Form { noun: "address of the web", hint: "write https://domain.example/path", check: check_url };
static SHA256: Form = Form {
    noun: "sha256",
    hint: "write the 64 hexadecimal digits that `sha256sum` prints",
    check: |text| text.to_lowercase().parse::<Digest>().map(|_| ()).map_err(|error| error.to_string()),
};
static PATTERN: Form = Form {
    noun: "regular expression",
    hint: r"write such as ^invoice \d{6}$; without look-around and back references, in single quotes",
    check: |text| text.parse::<Pattern>().map(|_| ()).map_err(|error| error.to_string()),
};
static ROOT: Form = Form {
    noun: "root",
    hint: "`clawback examine FILE` prints it",
    check: |text| text.parse::<Root>().map(|_| ()).map_err(|error| error.to_string()),
};
static CLUSTER: Form = Form {
    noun: "kind of cluster",
    hint: "write body, url, file or subject+sender-domain; workflows/README.md has the list",
    check: |text| text.parse::<ClusterBy>().map(|_| ()).map_err(|unknown| unknown.to_string()),
};
static TYPE: Form = Form {
    noun: "type",
    hint: "types are text, address, domain, location, action, duration, timestamp, integer, boolean, and `list of` one of them",
    check: |text| crate::input::parse_type(text).map(|_| ()).ok_or_else(|| "no such type".to_owned()),
};
static CRON: Form = Form {
    noun: "schedule",
    hint: "six fields: second minute hour day-of-month month day-of-week, such as \"0 */15 * * * *\"",
    check: crate::trigger::check_cron,
};
static ZONE: Form = Form {
    noun: "time zone",
    hint: "write a name of the IANA database, such as Europe/Berlin or UTC",
    check: crate::trigger::check_zone,
};
static NAME: Form = Form {
    noun: "name",
    hint: "lower-case letters, digits and -, a letter first, at most 64",
    check: |text| if is_name(text) { Ok(()) } else { Err("it has characters that a name has not".to_owned()) },
};

const PERIOD: Shape = Shape::Form(&DURATION);
const SIZE: Shape = Shape::Integer(0, 1 << 40);

/// Returns whether a text is lower-case letters, digits and `-`, with a letter first.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

const WHEN: Key = key("when", Shape::Expression, "a boolean expression; the step is skipped if it is false");

/// Returns the conditions of `where`, `match`, `not` and `any`, which can contain conditions again.
pub(crate) fn conditions() -> &'static [Key] {
    CONDITIONS
}

/// See [`conditions`].
pub(crate) static CONDITIONS: &[Key] = &[
    key("from", Shape::Values(&Shape::Form(&ADDRESS)), "exact From address, without case"),
    key(
        "from-domain",
        Shape::Values(&Shape::Form(&DOMAIN)),
        "domain of the From address, without case; *.domain.example is every sub-domain",
    ),
    key("from-name", Shape::Values(&Shape::Text), "part of the sender's display name, without case"),
    key("subject-contains", Shape::Values(&Shape::Text), "part of the subject, without case"),
    key("to", Shape::Values(&Shape::Form(&ADDRESS)), "exact To or Cc address, without case"),
    key("message-id", Shape::Values(&Shape::Text), "exact Message-ID with angle brackets; the case counts"),
    key("received-after", Shape::Value(&Shape::Form(&TIME)), "received at or after this time"),
    key("received-before", Shape::Value(&Shape::Form(&TIME)), "received before this time"),
    key("header", Shape::MapOf(&Shape::Value(&Shape::Text)), "header field contains this, without case"),
    key("attachment-name", Shape::Values(&Shape::Text), "part of an attachment's file name, without case"),
    key("latest-delivery-location", Shape::Values(&Shape::Word(LOCATIONS)), "where the message is now"),
    key("original-delivery-location", Shape::Values(&Shape::Word(LOCATIONS)), "where it was first delivered"),
    key("folder", Shape::Values(&Shape::Text), "path of the folder it is in, in the store's spelling"),
    key("mailbox", Shape::Values(&Shape::Text), "the mailbox it is in"),
    key("larger-than", Shape::Value(&SIZE), "more bytes than this"),
    key("smaller-than", Shape::Value(&SIZE), "fewer bytes than this"),
    key("flag", Shape::Values(&Shape::Text), "carries this flag, in IMAP spelling"),
    key("envelope-from", Shape::Values(&Shape::Form(&ADDRESS)), "exact address of the envelope's sender"),
    key("reply-to", Shape::Values(&Shape::Form(&ADDRESS)), "exact Reply-To address, without case"),
    key("delivered-to", Shape::Values(&Shape::Form(&ADDRESS)), "exact Delivered-To or X-Original-To address"),
    key("sender-ip", Shape::Values(&Shape::Form(&NETWORK)), "network of the first hop outside the own relays"),
    key("auth", Shape::Values(&Shape::Form(&RESULT)), "result of a trusted server, such as dmarc=fail"),
    key("url-host", Shape::Values(&Shape::Form(&DOMAIN)), "host of a link; *.domain.example is every sub-domain"),
    key("url", Shape::Values(&Shape::Form(&URL)), "a link with this host, path and query"),
    key("attachment-sha256", Shape::Values(&Shape::Form(&SHA256)), "sha256 of an attachment"),
    key("attachment-type", Shape::Values(&Shape::Text), "declared type of an attachment; image/* is every such type"),
    key("has-attachment", Shape::Value(&Shape::Boolean), "whether the message has an attachment"),
    key("body-contains", Shape::Values(&Shape::Text), "part of the visible text, without case"),
    key("like", Shape::Value(&Shape::Form(&ROOT)), "copies of one message, given as its root"),
    key("recipients", Shape::Values(&Shape::Form(&ADDRESS)), "To, Cc or Delivered-To address, or the mailbox it is in"),
    key("matches", Shape::Map(MATCHES), "texts that a regular expression matches, each without case"),
    key("not", Shape::Keys(conditions), "these conditions do not all hold"),
    key("any", Shape::List(&Shape::Keys(conditions)), "at least one of these groups holds"),
];

/// The texts that a regular expression can be about.
static MATCHES: &[Key] = &[
    key("subject", PATTERNS, "the subject"),
    key("from", PATTERNS, "a From address"),
    key("from-name", PATTERNS, "the sender's display name"),
    key("to", PATTERNS, "a To or Cc address"),
    key("attachment-name", PATTERNS, "the file name of an attachment"),
    key("url-host", PATTERNS, "the host of a link"),
    key("header", Shape::MapOf(&PATTERNS), "a header field"),
];
const PATTERNS: Shape = Shape::Values(&Shape::Form(&PATTERN));

static STOP_WHEN: &[Key] = &[
    key("failed-ratio", Shape::Ratio, "more than this share of what was acted on failed"),
    key("throttled-ratio", Shape::Ratio, "more than this share was throttled"),
    key("targets", Shape::Integer(0, u64::MAX), "more messages in the plan than this"),
    key("mailboxes", Shape::Integer(0, u64::MAX), "more mailboxes in the plan than this"),
    key(
        "vips",
        Shape::Integer(0, u64::MAX),
        "more messages in mailboxes of VIPs than this, in the plan, or by the list as it is when a worker begins",
    ),
    key("mailbox-share", Shape::Ratio, "more than this share of the plan in one mailbox, of plans of 100 and more"),
    key("running-longer-than", Shape::Form(&DURATION), "in progress for longer than this"),
    key(
        "unsearched",
        Shape::Integer(0, u64::MAX),
        "more mailboxes than this could not be searched, or an exclusion excluded nothing; 0 if it is left out. The plan then asks for a vote",
    ),
];

/// The steps, by name.
pub(crate) static STEPS: &[Key] = &[
    key(
        "search",
        Shape::Map(&[
            WHEN,
            key("stores", Shape::OneOrMore(&Shape::Text), "names of stores; all if left out"),
            must("where", Shape::Keys(conditions), "what to look for; every condition must hold"),
        ]),
        "finds messages; the first step",
    ),
    key(
        "cluster",
        Shape::Map(&[
            WHEN,
            must("of", Shape::Value(&Shape::Form(&ROOT)), "the root: a message that is known to be a threat"),
            key("by", Shape::Values(&Shape::Form(&CLUSTER)), "what its messages share with the root; all if left out"),
            key(
                "at-most",
                Shape::Integer(1, 1_000_000),
                "messages of one cluster above which the plan asks for a vote; 10000 if left out",
            ),
        ]),
        "keeps the messages that are in a cluster of the root",
    ),
    key(
        "filter",
        Shape::Map(&[
            WHEN,
            key(
                "match",
                Shape::Keys(conditions),
                "conditions that must hold; pushed down into the search where they can be",
            ),
            key("script", Shape::Text, "a filter script, asked after `match`"),
        ]),
        "keeps what matches and what the script keeps",
    ),
    key(
        "script",
        Shape::Map(&[
            WHEN,
            must("file", Shape::Text, "a script with `fn variables()`"),
            must("sets", Shape::MapOf(&Shape::Form(&TYPE)), "the variables that it sets, with their types"),
        ]),
        "sets variables for later expressions",
    ),
    key(
        "verdict",
        Shape::Map(&[
            WHEN,
            key("malicious", Shape::Expression, "a boolean expression; the verdict is malicious if it is true"),
            key(
                "suspicious",
                Shape::Expression,
                "a boolean expression, asked if `malicious` is false; plan.count > 0 if left out",
            ),
            key("script", Shape::Text, "instead of both: a script with `fn verdict(plan)`, which returns the verdict"),
        ]),
        "judges the plan; one that is not malicious needs a vote",
    ),
    key(
        "approve",
        Shape::Map(&[
            WHEN,
            key("votes", Shape::Integer(1, 20), "how many different people must approve; 1 if left out"),
            key("from", Shape::OneOrMore(&Shape::Word(ROLES)), "whose votes count; approver if left out"),
            key("expires", PERIOD, "time to decide; 7d if left out"),
            key("two-step", Shape::Boolean, "the requester's own vote does not count; true if left out"),
        ]),
        "asks for votes on the frozen plan",
    ),
    key(
        "wait",
        Shape::Map(&[WHEN, must("for", PERIOD, "time between the decision and the first batch, from 1s to 7d")]),
        "holds `remediate` back for a time, in which a person can cancel",
    ),
    key(
        "remediate",
        Shape::Map(&[
            WHEN,
            must("action", Shape::Value(&Shape::Word(ACTIONS)), "what is done to each message"),
            key(
                "batch",
                Shape::Integer(1, u32::MAX as u64),
                "messages per batch; if left out, 5000 at first, and twice as many after each batch that goes well, up to 50000",
            ),
            key(
                "canary",
                Shape::Integer(0, u32::MAX as u64),
                "messages in the first batch; 20 if left out, 0 for none",
            ),
            key("stop-when", Shape::Map(STOP_WHEN), "rules that pause the remediation"),
            key(
                "delete-senders-copy",
                Shape::Value(&Shape::Boolean),
                "with soft-delete: also the copy in the sender's sent items",
            ),
            key(
                "keep-evidence",
                Shape::Boolean,
                "with hard-delete: each message is kept before, and what cannot be kept is not deleted; as the site says if left out",
            ),
        ]),
        "acts on the plan",
    ),
    key("verify", Shape::Map(&[WHEN]), "looks again whether each message is gone from where it was"),
    key(
        "notify",
        Shape::Map(&[
            WHEN,
            must("to", Shape::OneOrMore(&Shape::Text), "names of notifiers in the configuration"),
            key("on", Shape::OneOrMore(&Shape::Word(OCCASIONS)), "occasions; finished if left out"),
        ]),
        "sends notifications",
    ),
    key(
        "sweep",
        Shape::Map(&[
            WHEN,
            must("every", PERIOD, "time between two looks, from 1m to 7d"),
            must("for", PERIOD, "how long it continues after the end, at most 90d"),
            key(
                "approval",
                Shape::Word(&["same", "new"]),
                "under whose approval late copies are taken; new if left out",
            ),
            key(
                "at-most",
                Shape::Integer(1, 1_000_000),
                "with approval same: late copies, in all, that the first approval covers; 100 if left out",
            ),
        ]),
        "keeps looking for late copies",
    ),
];

static INPUT: &[Key] = &[
    must(
        "type",
        Shape::Form(&TYPE),
        "text, address, domain, location, action, duration, timestamp, integer, boolean, or `list of` one of them",
    ),
    key("required", Shape::Boolean, "must be given; false if left out"),
    key("default", Shape::Anything, "value if none is given"),
    key("description", Shape::Text, "what it is for"),
];

static TRIGGERS: &[Key] = &[
    key("manual", Shape::Map(&[]), "a person may submit it"),
    key("report", Shape::Map(&[]), "enough reports of one message start it, with its root as the input `like`"),
    key(
        "suggestion",
        Shape::Map(&[must(
            "verdict",
            Shape::OneOrMore(&Shape::Word(VERDICTS)),
            "verdicts of an investigation that suggest it",
        )]),
        "an automated investigation may suggest it",
    ),
    key(
        "schedule",
        Shape::Map(&[
            must("cron", Shape::Form(&CRON), "six fields, seconds first"),
            key("time-zone", Shape::Form(&ZONE), "time zone of the fields; UTC if left out"),
            key("jitter", PERIOD, "each time is delayed by up to this, at most 6h; not at all if left out"),
            key(
                "overlap",
                Shape::Word(&["skip", "queue", "replace"]),
                "what to do if the last run is not done; skip if left out",
            ),
            key(
                "misfire",
                Shape::Word(&["skip", "run-once", "backfill"]),
                "what to do about times that were missed; skip if left out",
            ),
            key(
                "backfill",
                Shape::Integer(1, 100),
                "with misfire backfill: how many of the last ones run; 1 if left out",
            ),
        ]),
        "a schedule starts it",
    ),
];

/// The whole file.
pub(crate) static PLAYBOOK: &[Key] = &[
    must("playbook", Shape::Form(&NAME), "the name; that of the file without `.yaml`"),
    key("description", Shape::Text, "what it is for"),
    key("severity", Shape::Word(SEVERITIES), "severity of the threat; medium if left out"),
    must("on", Shape::Map(TRIGGERS), "what starts it"),
    key("inputs", Shape::MapOf(&Shape::Map(INPUT)), "values that are given at submit"),
    must("steps", Shape::List(&Shape::OneOf(STEPS)), "what it does, in order"),
];
