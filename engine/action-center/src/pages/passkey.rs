//! Signed votes in the browser: the page that makes a passkey, and the form that votes with one.

use std::time::Duration;

use axum::extract::State;
use clawback_model::{Approval, Decision, Remediation, Signed, Status, Timestamp, VoteSignature};
use maud::{Markup, html};

use super::fields::Fields;
use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::center::Center;
use crate::design::text;
use crate::problem::Problem;

/// Shows the caller's passkeys, and makes one.
pub(crate) async fn page(State(center): State<Center>, caller: Caller) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let name = &frame.who.name;
    let approvers = keys(&center)?;
    let known: Vec<_> = approvers.passkeys(name, center.now()).collect();
    let body = html! {
        p { "A passkey signs your votes, so that nobody who can write the database can vote for you. It stays in your browser, your "
            "phone or your security key." }
        @if known.is_empty() { p .note { "No passkey of " (text::mail(name)) " is among the keys of approvers." } }
        @else { ul { @for (host, credential) in known { li { code { (credential) } " at " (host) } } } }
        p { button type="button" data-passkey-of=(name) hidden { "Make a passkey" } }
        noscript { p .note.wait { "Passkeys need JavaScript. On the command line, votes are signed with an SSH key." } }
        p { "The line that appears here belongs in the file of approvers' keys on each node. Give it to the operator of the nodes in "
            "person or by telephone, so that they know that the passkey is yours. It is not a secret." }
        p { code #passkey .digest role="status" hidden {} }
        script src="/assets/sign.js" defer {}
    };
    Ok(layout::page(&frame, "", "Passkeys", &body))
}

fn keys(center: &Center) -> Result<clawback_vote_signatures::Approvers, Problem> {
    Ok(center.site().vote_rules.approvers().map_err(clawback_runtime::Error::from)?)
}

/// What the form of a vote needs for a signature.
#[derive(Debug)]
pub(super) struct ToSign {
    at: Timestamp,
    passkeys: Vec<(String, String)>,
    /// Whether an unsigned vote does not count.
    needed: bool,
}

impl ToSign {
    /// What the caller needs to vote on this remediation.
    pub(super) fn of(center: &Center, frame: &Frame, remediation: &Remediation) -> Result<Self, Problem> {
        let rules = &center.site().vote_rules;
        // Statements have whole seconds.
        let at = center.now().in_whole(Duration::from_secs(1));
        let mut passkeys = Vec::new();
        if remediation.status == Status::PendingApproval {
            let of = |(host, id): (&str, &str)| (host.to_owned(), id.to_owned());
            passkeys.extend(keys(center)?.passkeys(&frame.who.name, at).map(of));
        }
        Ok(Self { at, passkeys, needed: rules.required.asks(remediation.request.action) })
    }

    /// Whether an approval can be cast on the page.
    pub(super) fn can_approve(&self) -> bool {
        !self.needed || !self.passkeys.is_empty()
    }

    /// The passkeys of this host, as the browser needs them.
    pub(super) fn passkeys(&self) -> Option<String> {
        let host = self.host()?;
        let here = self.passkeys.iter().filter(|(of, _)| of == host).map(|(_, id)| id.as_str());
        Some(here.collect::<Vec<_>>().join(" "))
    }

    /// The relying party of the passkeys.
    pub(super) fn host(&self) -> Option<&str> {
        self.passkeys.first().map(|(host, _)| host.as_str())
    }

    /// The challenge for this decision.
    pub(super) fn challenge(
        &self,
        frame: &Frame,
        remediation: &Remediation,
        approval: &Approval,
        decision: Decision,
    ) -> Option<String> {
        self.host()?;
        let statement = approval.statement(&remediation.id, &frame.who.name, decision, self.at);
        Some(clawback_vote_signatures::challenge(&statement.to_string()))
    }

    /// Fields that the script fills in.
    pub(super) fn fields(&self) -> Markup {
        html! { @if self.host().is_some() {
            input type="hidden" name="signed_at" value=(self.at);
            @for name in ["credential", "authenticator_data", "client_data", "signature"] { input type="hidden" name=(name); }
            p .problem role="alert" hidden {}
            script src="/assets/sign.js" defer {}
        } }
    }

    /// What to do if nothing can be signed here.
    pub(super) fn advice(&self, remediation: &Remediation) -> Markup {
        html! { @if !self.can_approve() {
            p .note.wait { "An approval of this must be signed. On the command line: "
                code { "clawback approve " (remediation.id) " --key FILE" } ". Here: with a " a href="/passkey" { "passkey" } "." }
        } }
    }
}

/// The signature in a form, if there is one.
pub(super) fn signature(fields: &Fields) -> Result<Option<VoteSignature>, Problem> {
    let Some(signature) = fields.filled("signature") else { return Ok(None) };
    let text = |name: &str| fields.get(name).to_owned();
    let at = Timestamp::parse(fields.get("signed_at"));
    let at = at.ok_or_else(|| Problem::bad_request("signed_at is no time; load the page again"))?;
    let made = Signed::Passkey {
        credential: text("credential"),
        authenticator_data: text("authenticator_data"),
        client_data: text("client_data"),
        signature: signature.to_owned(),
    };
    Ok(Some(VoteSignature { at, made }))
}
