//! A token server: one URL that is sent forms.

use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Url};

use crate::config::ConfigError;
use crate::granted::context::GrantContext;
use crate::granted::outbound::{Address, Unanswered};
use crate::granted::secret::Secret;
use crate::granted::token::answer::{self, Asked};
use crate::granted::token::cache::Issued;
use crate::granted::token::failure::TokenError;

/// The most bytes of an answer: real ones have some thousand.
const MOST_BYTES: usize = 64 << 10;

/// A token server of the configuration.
#[derive(Debug)]
pub(crate) struct TokenServer {
    url: Url,
    client: Client,
}

impl TokenServer {
    pub(crate) fn of(context: &GrantContext<'_>, address: &Address<'_>) -> Result<Self, ConfigError> {
        let (url, client) = address.client(context)?;
        Ok(Self { url, client })
    }

    /// Its URL, which is the audience of assertions.
    pub(crate) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Requests a token. `subject` is the account it is for, and whether that is the account of a mailbox.
    pub(crate) async fn request(
        &self,
        what: &str,
        subject: Option<(&str, bool)>,
        form: &[(&str, Secret)],
    ) -> Result<Issued, TokenError> {
        let server = self.url.host_str().unwrap_or_default();
        let request = self.client.post(self.url.clone()).header(ACCEPT, "application/json");
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(encoded(form));
        let failed = |error: &reqwest::Error| match Unanswered::from(error) {
            Unanswered::Denied(why) => TokenError::Denied(format!("{what}: {why}")),
            Unanswered::TimedOut => {
                TokenError::Transient(format!("{what}: the token server {server} did not answer in time"))
            }
            Unanswered::Failed(why) => {
                TokenError::Transient(format!("{what}: the token server {server} cannot be reached: {why}"))
            }
        };
        let mut response = request.send().await.map_err(|error| failed(&error))?;
        let retry_after =
            response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
            if body.len() + chunk.len() > MOST_BYTES {
                let why = format!("{what}: the answer of the token server {server} is too large; check its URL");
                return Err(TokenError::Denied(why));
            }
            body.extend_from_slice(&chunk);
        }
        let secrets = ["client_secret", "client_assertion", "assertion"];
        let sent: Vec<_> =
            form.iter().filter(|(name, _)| secrets.contains(name)).map(|(_, value)| value.clone()).collect();
        let (subject, is_mailbox) = subject.map_or((None, false), |(name, is_mailbox)| (Some(name), is_mailbox));
        let asked = Asked { what, server, subject, is_mailbox, sent: &sent };
        answer::read(response.status().as_u16(), retry_after.map(Duration::from_secs), &body, &asked)
    }
}

/// Returns `application/x-www-form-urlencoded`, which is the form of a query.
fn encoded(form: &[(&str, Secret)]) -> String {
    let fields = form.iter().map(|(name, value)| (name, value.expose()));
    let url = Url::parse_with_params("form://form", fields);
    url.ok().and_then(|url| url.query().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_form_stay_apart() {
        let form = [("scope", Secret::new("a b")), ("client_secret", Secret::new("x&y=z+é%"))];
        assert_eq!(encoded(&form), "scope=a+b&client_secret=x%26y%3Dz%2B%C3%A9%25");
    }
}
