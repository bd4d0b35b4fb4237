//! Witnesses: programs of others that sign a checkpoint once they have checked that it continues every earlier one that
//! they signed (`c2sp.org/tlog-witness`, `c2sp.org/tlog-cosignature`). A reader who trusts k of n witnesses need not
//! trust the site: it cannot show different histories to different readers.

use crate::boxed::boxed;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clawback_model::{Cosignature, LONGEST_PROOF, LogQuestion, Note, WitnessKey, old_and_proof};
use clawback_store::{Store, StoreError};
use futures::future::join_all;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::Deserialize;

use crate::http;

/// The time limit of one request.
const TIME_OUT: Duration = Duration::from_secs(10);
/// The limit of an answer, in bytes: some lines of signature.
const LARGEST: usize = 64 << 10;

/// One entry of `[checkpoints] witnesses`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WitnessConfig {
    /// The submission prefix: `https://…`; `http://` only to this machine.
    pub url: String,
    /// The verifier key, `NAME+HASH+KEY`, of the type for cosignatures.
    pub key: String,
}

/// The witnesses of a site.
#[derive(Debug, Default)]
pub struct Witnesses {
    all: Vec<Witness>,
    quorum: usize,
}

#[derive(Debug)]
struct Witness {
    url: reqwest::Url,
    key: WitnessKey,
    client: reqwest::Client,
    /// Size of the last checkpoint that it signed, as far as this process knows.
    last: AtomicU64,
}

/// The result of a round of requests to witnesses.
#[derive(Debug)]
pub struct Cosigned {
    /// The checkpoint with every valid cosignature.
    pub note: Note,
    /// Names of the witnesses that did not sign, with the reason.
    pub missing: Vec<(String, WitnessError)>,
}

/// Why a witness did not sign a checkpoint.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages document the variants")]
pub enum WitnessError {
    #[error("it did not answer: {0}")]
    Http(String),
    #[error("it answered {0}; compare its list of logs with the site's key (`clawback key show`)")]
    Refused(StatusCode),
    #[error(
        "it has signed a checkpoint of {signed} events, and this history has {size}: its end was cut off, or an older copy was restored"
    )]
    Ahead { signed: u64, size: u64 },
    #[error("it has signed another checkpoint of {size} events: the history was rewritten")]
    Other { size: u64 },
    #[error(
        "it does not find that the history continues the {old} events that it signed before: the history was rewritten"
    )]
    Inconsistent { old: u64 },
    #[error("its answer cannot be read: {0}")]
    Answer(&'static str),
    #[error("its answer has no cosignature of its key for this checkpoint")]
    NotSigned,
    #[error(transparent)]
    History(#[from] StoreError),
}

impl Witnesses {
    /// Checks the configuration. `quorum` of the witnesses must sign; all, if it is not set.
    pub fn open(configs: &[WitnessConfig], quorum: Option<usize>) -> Result<Self, String> {
        let (found, quorum) = check(configs, quorum)?;
        if found.is_empty() {
            return Ok(Self::default());
        }
        let client = http::client(TIME_OUT, None)?.build().map_err(|error| error.to_string())?;
        let witness = |(url, key)| Witness { url, key, client: client.clone(), last: AtomicU64::new(0) };
        Ok(Self { all: found.into_iter().map(witness).collect(), quorum })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many must sign.
    pub const fn quorum(&self) -> usize {
        self.quorum
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Names of the witnesses that have signed the checkpoint of this note.
    pub fn signed<'a>(&'a self, note: &Note) -> Vec<&'a str> {
        let signed = self.all.iter().filter(|witness| good(&witness.key, note).next().is_some());
        signed.map(|witness| witness.key.name.as_str()).collect()
    }

    /// Whether enough have signed.
    pub fn is_enough(&self, note: &Note) -> bool {
        self.signed(note).len() >= self.quorum
    }

    /// Asks every witness that has not signed the checkpoint to do so, all at once. `note` is that of the tree of
    /// `size` events.
    #[boxed]
    pub async fn cosign(&self, history: &Store, mut note: Note, size: u64) -> Cosigned {
        let signed = self.signed(&note);
        let unsigned = self.all.iter().filter(|witness| !signed.contains(&witness.key.name.as_str()));
        let asked = unsigned.map(|witness| {
            let note = &note;
            async move { (witness, witness.ask(history, note, size).await) }
        });
        let mut missing = Vec::new();
        for (witness, answer) in join_all(asked).await {
            match answer {
                Ok(mut signatures) => note.signatures.append(&mut signatures),
                Err(error) => missing.push((witness.key.name.clone(), error)),
            }
        }
        Cosigned { note, missing }
    }
}

impl Witness {
    /// Asks for a cosignature, and a second time if the witness answers that it knows another size.
    async fn ask(
        &self,
        history: &Store,
        note: &Note,
        size: u64,
    ) -> Result<Vec<clawback_model::Signature>, WitnessError> {
        let mut old = self.last.load(Ordering::Relaxed).min(size);
        let mut asked_again = false;
        loop {
            let (status, is_size, body) = self.post(history, note, old, size).await?;
            match status {
                StatusCode::OK => {
                    let signatures = self.read(note, &body)?;
                    self.last.fetch_max(size, Ordering::Relaxed);
                    return Ok(signatures);
                }
                StatusCode::CONFLICT => {
                    let known = if is_size { read_size(&body) } else { None };
                    match known {
                        Some(signed) if signed > size => return Err(WitnessError::Ahead { signed, size }),
                        Some(signed) if signed != old && !asked_again => old = signed,
                        Some(signed) if signed != old => {
                            return Err(WitnessError::Answer("it names another size each time"));
                        }
                        _ if old == size => return Err(WitnessError::Other { size }),
                        _ => return Err(WitnessError::Answer("409 without the size that it knows")),
                    }
                    asked_again = true;
                }
                StatusCode::UNPROCESSABLE_ENTITY => return Err(WitnessError::Inconsistent { old }),
                other => return Err(WitnessError::Refused(other)),
            }
        }
    }

    /// Makes one request. Returns the status, whether the content type says that the body is a size, and the body.
    async fn post(
        &self,
        history: &Store,
        note: &Note,
        old: u64,
        size: u64,
    ) -> Result<(StatusCode, bool, String), WitnessError> {
        let proof = match old {
            0 => Vec::new(),
            old if old == size => Vec::new(),
            old => history.ask_log(LogQuestion::Consistency { old, size }).await?,
        };
        debug_assert!(proof.len() <= LONGEST_PROOF, "a proof has as many hashes as the tree has levels");
        let body = format!("{}{note}", old_and_proof(old, &proof));
        let failed = |error: reqwest::Error| WitnessError::Http(error.without_url().to_string());
        let mut answer = self.client.post(self.url.clone()).body(body).send().await.map_err(failed)?;
        let is_size = answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "text/x.tlog.size");
        let body = http::body(&mut answer, LARGEST).await.map_err(|error| match error {
            http::Broken::Http(error) => failed(error),
            http::Broken::TooLarge { .. } => WitnessError::Answer("it is larger than 64 KiB"),
        })?;
        let body = String::from_utf8(body).map_err(|_| WitnessError::Answer("it is no text"))?;
        Ok((answer.status(), is_size, body))
    }

    /// The valid cosignatures of an answer. Those of other keys are left out, as the protocol says.
    fn read(&self, note: &Note, body: &str) -> Result<Vec<clawback_model::Signature>, WitnessError> {
        let whole = format!("{}\n{body}", note.text);
        let answered: Note = whole.parse().map_err(|_| WitnessError::Answer("it has a line that is no signature"))?;
        if answered.text != note.text {
            return Err(WitnessError::Answer("it has lines that are no signatures"));
        }
        let good: Vec<_> = good(&self.key, &answered).take(1).cloned().collect();
        if good.is_empty() { Err(WitnessError::NotSigned) } else { Ok(good) }
    }
}

/// The URL and key of each witness, and how many must sign.
fn check(configs: &[WitnessConfig], quorum: Option<usize>) -> Result<(Vec<(reqwest::Url, WitnessKey)>, usize), String> {
    let mut found: Vec<(reqwest::Url, WitnessKey)> = Vec::new();
    for WitnessConfig { url, key } in configs {
        let wrong = |said: String| format!("witness {url}: {said}");
        let key: WitnessKey = key.parse().map_err(|error: clawback_model::NoteError| wrong(error.to_string()))?;
        if found.iter().any(|(_, known)| known.name == key.name || known.key == key.key) {
            return Err(wrong("its name or key is that of another witness".to_owned()));
        }
        let prefix = url.trim_end_matches('/');
        found.push((http::endpoint(&format!("{prefix}/add-checkpoint")).map_err(wrong)?, key));
    }
    let quorum = quorum.unwrap_or(found.len());
    if quorum > found.len() || (quorum == 0 && !found.is_empty()) {
        return Err(format!("quorum is {quorum}, and there are {} witnesses", found.len()));
    }
    Ok((found, quorum))
}

/// The valid cosignatures of this key under a note.
fn good<'a>(key: &'a WitnessKey, note: &'a Note) -> impl Iterator<Item = &'a clawback_model::Signature> {
    let public = UnparsedPublicKey::new(&ED25519, key.key);
    let verified = move |cosignature: &Cosignature| {
        let message = Cosignature::message(cosignature.time, &note.text);
        public.verify(message.as_bytes(), &cosignature.bytes).is_ok()
    };
    key.of_note(note).filter(move |(_, cosignature)| verified(cosignature)).map(|(line, _)| line)
}

/// Parses a decimal number without leading zeroes and a line break.
fn read_size(body: &str) -> Option<u64> {
    let digits = body.strip_suffix('\n')?;
    digits.parse::<u64>().ok().filter(|number| number.to_string() == digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_witness_is_refused() {
        let key = WitnessKey::new("witness.example/w1", [7; 32]).unwrap().to_string();
        let config = |url: &str, key: &str| WitnessConfig { url: url.to_owned(), key: key.to_owned() };
        let good = config("https://witness.example/", &key);
        let (found, quorum) = check(std::slice::from_ref(&good), None).unwrap();
        assert_eq!((found[0].0.as_str(), quorum), ("https://witness.example/add-checkpoint", 1));
        for (configs, quorum) in [
            (vec![config("http://witness.example", &key)], None),
            (vec![config("https://witness.example", "witness.example/w1+00000000+AAAA")], None),
            (vec![good.clone(), config("https://other.example", &key)], None),
            (vec![good.clone()], Some(2)),
            (vec![good], Some(0)),
        ] {
            assert!(check(&configs, quorum).is_err(), "{configs:?} {quorum:?}");
        }
        assert!(Witnesses::open(&[], None).unwrap().is_empty());
    }

    #[test]
    fn sizes_are_read_as_the_protocol_writes_them() {
        assert_eq!(read_size("20852014\n"), Some(20_852_014));
        for wrong in ["", "\n", "7", "07\n", "-1\n", "7\n\n", " 7\n", "99999999999999999999\n"] {
            assert_eq!(read_size(wrong), None, "{wrong:?}");
        }
    }
}
