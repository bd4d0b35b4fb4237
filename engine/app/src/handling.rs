//! What people record of an alert, and the incident that it belongs to.

use crate::boxed::boxed;
use clawback_model::{
    AlertHandling, Digest, Event, Incident, LONGEST_NAME, Permission, Principal, Remediation, RemediationId,
    check_determination, check_length,
};
use clawback_runtime::Error;

use crate::api::Api;
use crate::authorization::allow;

/// Names that are suggested for one that is unknown.
const SUGGESTED: usize = 3;

impl Api {
    /// Records how far people are with the alert of a remediation, who looks after it, and what they found, in place of
    /// what was recorded before. Refuses it if that is not the version that was `seen`. Records nothing if it is known.
    #[boxed]
    pub async fn handle_alert(
        &self,
        who: &Principal,
        id: &RemediationId,
        handling: AlertHandling,
        seen: Option<Digest>,
    ) -> Result<Remediation, Error> {
        allow(who, Permission::Control)?;
        handling.check_length()?;
        check_determination(handling.classification, handling.determination)?;
        let known = self.site().history.load(id).await?;
        if *known.alert == handling {
            return Ok(known);
        }
        if handling.owner != known.alert.owner {
            self.check_alert_owner(handling.owner.as_deref()).await?;
        }
        let decide = |current: &Remediation| {
            if seen.is_some_and(|seen| seen != current.alert.version()) {
                let recorded = Event::AlertHandled((*current.alert).clone()).in_words();
                return Err(Error::AlertChanged { id: current.request.alert_id.clone(), recorded });
            }
            Ok(Event::AlertHandled(handling))
        };
        self.site().history.record_if(id, None, who, self.site().now(), decide).await
    }

    /// Refuses an owner who is no principal, and names those that are nearly called so.
    async fn check_alert_owner(&self, owner: Option<&str>) -> Result<(), Error> {
        let Some(owner) = owner else { return Ok(()) };
        check_length("the owner", LONGEST_NAME, owner)?;
        let all = self.site().history.principals().await?;
        let names: Vec<&str> = all.iter().map(|principal| principal.name.as_str()).collect();
        if names.contains(&owner) {
            return Ok(());
        }
        let advice = match near(owner, &names)[..] {
            [] => "`clawback principals list` and the page People have every name".to_owned(),
            ref found => {
                let quoted: Vec<String> = found.iter().map(|name| format!("`{name}`")).collect();
                format!("nearly so: {}", quoted.join(", "))
            }
        };
        Err(Error::UnknownOwner { owner: owner.to_owned(), advice })
    }

    /// Records the incident of the site's ticket system that a remediation belongs to. Records nothing if that is known.
    #[boxed]
    pub async fn link_incident(
        &self,
        who: &Principal,
        id: &RemediationId,
        incident: Option<Incident>,
    ) -> Result<Remediation, Error> {
        allow(who, Permission::Control)?;
        let known = self.site().history.load(id).await?;
        if known.incident == incident {
            return Ok(known);
        }
        let event = Event::IncidentLinked { incident };
        Ok(self.site().history.record(id, None, who, &event, self.site().now()).await?)
    }
}

/// The names that are most like the given one: those that contain it, and those that differ in few letters.
fn near<'a>(given: &str, names: &[&'a str]) -> Vec<&'a str> {
    let lower = given.to_lowercase();
    let allowed = (given.chars().count() / 3).clamp(1, 2);
    let mut found: Vec<(usize, &str)> = names
        .iter()
        .map(|name| {
            let known = name.to_lowercase();
            let contains = lower.len() > 2 && known.contains(&lower);
            (if contains { 1 } else { strsim::damerau_levenshtein(&known, &lower) }, *name)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .collect();
    found.sort_unstable();
    found.into_iter().take(SUGGESTED).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::near;

    #[test]
    fn near_names_are_those_that_were_probably_meant() {
        let names = ["ann", "ben", "benjamin.jones", "carla", "carlo", "karla", "xarla"];
        assert_eq!(near("Ann", &names), ["ann"]);
        assert_eq!(near("jones", &names), ["benjamin.jones"]);
        assert_eq!(near("carlaa", &names), ["carla", "carlo", "karla"]);
        assert_eq!(near("nobody", &names), [] as [&str; 0]);
    }
}
