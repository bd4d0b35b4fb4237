//! Files of indicators, and the sightings of the indicators of a remediation.

use crate::boxed::boxed;
use clawback_model::{
    IndicatorFile, IndicatorFormat, IndicatorSighting, IndicatorSightings, Permission, Principal, Remediation,
    SelectionMode,
};
use clawback_runtime::{Error, intake};

use crate::api::Api;
use crate::authorization::allow;

/// Messages read at once.
const PAGE: u32 = 4_000;

/// The sightings of the indicators of a remediation and of its follow-ups.
#[derive(Debug)]
pub struct CountedIndicators {
    /// The sighting of each indicator, also of those that no message has.
    pub sightings: Vec<IndicatorSighting>,
    /// Whether everything was searched: only then is an indicator without a message known to be unseen.
    pub is_complete: bool,
}

impl Api {
    /// Reads a file of indicators: what is understood, and what is not.
    pub fn read_indicators(
        &self,
        who: &Principal,
        text: &str,
        format: Option<IndicatorFormat>,
        allow_common: bool,
    ) -> Result<IndicatorFile, Error> {
        allow(who, Permission::Submit)?;
        Ok(IndicatorFile::read(text, format, allow_common, self.site().now())?)
    }

    /// Counts the messages of a remediation, and of the follow-ups of its sweep, by the indicators that they matched.
    #[boxed]
    pub async fn indicator_sightings(&self, who: &Principal, of: &Remediation) -> Result<CountedIndicators, Error> {
        allow(who, Permission::Read)?;
        let (site, id) = (self.site(), &of.id);
        let mut counted = IndicatorSightings::of(&of.request.inputs);
        if counted.is_empty() || !intake::bind(site, &of.request)?.predicate().shows_matches() {
            return Err(Error::NothingTo { id: id.clone(), what: "indicators", verb: "count" });
        }
        let follow_ups = site.history.follow_ups(id).await?;
        let mut is_complete = true;
        for member in std::iter::once(of).chain(&follow_ups) {
            if site.history.messages_removed(&member.id).await? {
                return Err(Error::MessagesRemoved { id: member.id.clone() });
            }
            // What was picked, excluded or left out by a script was not counted.
            is_complete &= member.request.mode == SelectionMode::Query;
            let facts = member.plan.as_ref().map(|plan| &plan.facts);
            is_complete &= facts.is_some_and(|facts| facts.is_complete() && facts.left_out.is_empty());
            let mut after = None;
            loop {
                let page = site.history.messages(&member.id, after, PAGE).await?;
                let Some((last, _)) = page.last() else { break };
                after = Some(last.seq);
                for (target, _) in &page {
                    counted.add(target);
                }
            }
        }
        is_complete &= !counted.is_cut();
        Ok(CountedIndicators { sightings: counted.counted(), is_complete })
    }
}
