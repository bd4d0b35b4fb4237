//! New remediations: checked, planned as a dry run, submitted and suggested.

use crate::boxed::boxed;
use clawback_model::{ActionSource, Permission, Principal, Remediation, Request};
use clawback_playbooks::Playbook;
use clawback_runtime::{DryRun, Error, Observer, Sightings, Submission, intake, planning};

use crate::api::Api;
use crate::authorization::{allow, allow_action};
use crate::key::key;

impl Api {
    /// Checks a playbook completely.
    pub fn check(&self, name: &str) -> Result<Playbook, Error> {
        let (path, source) = self.site().library.playbook_source(name)?;
        intake::load(self.site(), &path, &source)
    }

    /// Checks the text of a playbook that the site may not have.
    pub fn check_source(&self, who: &Principal, name: &str, source: &str) -> Result<Playbook, Error> {
        allow(who, Permission::Submit)?;
        intake::load(self.site(), name, source)
    }

    /// Records a remediation, with its alert and investigation. Nothing is searched yet.
    #[boxed]
    pub async fn submit(&self, who: &Principal, submission: Submission) -> Result<Remediation, Error> {
        allow(who, Permission::Submit)?;
        self.file_new(who, submission).await
    }

    /// The same for what a detector found: the permission to suggest is enough. The caller checks whether the playbook
    /// accepts the suggestion.
    #[boxed]
    pub async fn suggest(&self, who: &Principal, submission: Submission) -> Result<Remediation, Error> {
        allow(who, Permission::Suggest)?;
        self.file_new(who, Submission { source: ActionSource::Air, ..submission }).await
    }

    async fn file_new(&self, who: &Principal, submission: Submission) -> Result<Remediation, Error> {
        let request = intake::request(self.site(), who, submission, None)?;
        allow_action(who, request.action)?;
        self.file(request, who).await
    }

    pub(crate) async fn file(&self, request: Request, who: &Principal) -> Result<Remediation, Error> {
        let filing = intake::filing(self.site(), request, who, key())?;
        self.site().history.file(&filing).await?;
        Ok(filing.remediation)
    }

    /// Makes a plan and discards it; the first `sample` targets are kept to be shown. It changes nothing, so a halted site
    /// answers too.
    #[boxed]
    pub async fn dry_run(
        &self,
        who: &Principal,
        submission: Submission,
        sample: usize,
        observer: &Observer,
    ) -> Result<DryRun, Error> {
        allow(who, Permission::Submit)?;
        let request = intake::request(self.site(), who, submission, None)?;
        planning::dry_run(self.site(), request, sample, observer).await
    }

    /// Searches as a plan of this submission would, for at most `most` messages. It changes nothing, so a halted site
    /// answers too.
    #[boxed]
    pub async fn look(
        &self,
        who: &Principal,
        submission: Submission,
        most: usize,
        observer: &Observer,
    ) -> Result<Sightings, Error> {
        allow(who, Permission::Submit)?;
        let request = intake::request(self.site(), who, submission, None)?;
        planning::look(self.site(), &request, most, observer).await
    }
}
