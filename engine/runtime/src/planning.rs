//! Planning: from a request to the frozen list of targets, with the votes that it needs and what approvers are shown.

mod approval;
mod automatic;
mod builder;
mod copies;
mod dry_run;
mod examine;
mod family;
mod given;
mod header;
mod input;
mod left_out;
mod mailbox;
mod mailboxes;
mod own_text;
mod picked;
mod plan;
mod search;
mod sightings;
mod tally;
mod terms;

pub use approval::{admission, root};
pub use dry_run::{DryRun, dry_run};
pub use header::configuration_difference;
pub(crate) use header::{header, not_as_approved};
pub(crate) use input::{PlanInput, Planned};
pub use picked::{examine_picked, locate_picked, reported_simulation};
pub(crate) use plan::plan;
pub(crate) use search::search;
pub use sightings::{Sightings, look};
pub use tally::{Content, Tally, TallyRow, Texts};
pub use terms::{BoundText, Compared, PlanTerms};
