//! What a plan was made under.

use crate::boxed::boxed;
use clawback_model::{Difference, Remediation};
use clawback_runtime::{BoundText, Compared, Error, PlanTerms, Site};
use clawback_store::StoreError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the digest of a plan covers in addition to its messages, and how it differs from what approvers know.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct TermsJson {
    /// Every part of the plan's header, by path.
    pub parts: Vec<PartJson>,
    /// `approved`: the last plan of this playbook and action that was approved. `shipped`: what the program ships. Null
    /// if there is neither.
    pub compared_with: Option<String>,
    /// The remediation whose plan it is compared with.
    pub approved: Option<String>,
    /// Parts of the header that differ.
    pub differences: Vec<DifferenceJson>,
    /// The playbook, scripts and lists that the plan was made with. Their texts: `/api/v1/texts/SHA256`.
    pub texts: Vec<TextJson>,
    /// Why the rest is empty: what is stored is not what was planned.
    pub problem: Option<String>,
}

/// A part of a header.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PartJson {
    /// Its path, such as `connectors.corp` or `terms.grants.corp.directory`.
    pub what: String,
    /// Its value.
    pub now: String,
}

/// A part of a header that differs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DifferenceJson {
    /// Its path.
    pub what: String,
    /// Its earlier value; null if there was none.
    pub then: Option<String>,
    /// Its value; null if there is none.
    pub now: Option<String>,
}

/// A text that a plan was made with.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TextJson {
    /// `playbook`, `script` or `list`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its sha256.
    pub sha256: String,
    /// Whether it is kept.
    pub kept: bool,
    /// The difference as a unified diff; null if there is none, or if one of the texts is not known.
    pub difference: Option<String>,
}

impl TermsJson {
    /// The terms of a remediation's plan; `None` before it has one.
    #[boxed]
    pub async fn load(site: &Site, remediation: &Remediation) -> Result<Option<Self>, Error> {
        match PlanTerms::load(site, remediation).await {
            Ok(terms) => Ok(terms.as_ref().map(Self::from)),
            Err(Error::Refused(altered @ (StoreError::Altered { .. } | StoreError::NotItsEvents { .. }))) => {
                Ok(Some(Self { problem: Some(altered.to_string()), ..Self::default() }))
            }
            Err(error) => Err(error),
        }
    }
}

impl From<&PlanTerms> for TermsJson {
    fn from(terms: &PlanTerms) -> Self {
        let (word, approved) = match &terms.compared {
            Some(Compared::Approved(id)) => (Some("approved"), Some(id.to_string())),
            Some(Compared::Shipped) => (Some("shipped"), None),
            None => (None, None),
        };
        Self {
            parts: terms.header.parts().into_iter().map(|(what, now)| PartJson { what, now }).collect(),
            compared_with: word.map(str::to_owned),
            approved,
            differences: terms.differences.iter().map(DifferenceJson::from).collect(),
            texts: terms.texts.iter().map(TextJson::from).collect(),
            problem: None,
        }
    }
}

impl From<&Difference> for DifferenceJson {
    fn from(found: &Difference) -> Self {
        let Difference { what, then, now } = found.clone();
        Self { what, then, now }
    }
}

impl From<&BoundText> for TextJson {
    fn from(bound: &BoundText) -> Self {
        Self {
            kind: bound.kind.as_str().to_owned(),
            name: bound.name.clone(),
            sha256: bound.sha256.to_string(),
            kept: bound.text.is_some(),
            difference: bound.difference.clone(),
        }
    }
}
