//! Indicators: addresses, domains, URLs and digests that others know to be of a threat, and the messages that have them.
//!
//! A file of indicators ([`IndicatorFile`]) is read as a list, as an event of MISP, or as a bundle of STIX. It becomes the
//! inputs of a playbook. Each message of the plan has the values that it matched as its reason, and the sightings of the
//! indicators ([`IndicatorSightings`]) are counted from these reasons.

mod file;
mod kind;
mod list;
mod misp;
mod read;
mod sighting;
mod stix;
mod stix_sighting;
mod value;

pub use self::file::{FoundIndicator, IndicatorFile, IndicatorFormat, InvalidIndicatorFile, SkippedIndicator};
pub use self::kind::IndicatorKind;
pub(crate) use self::sighting::matched_by;
pub use self::sighting::{IndicatorSighting, IndicatorSightings, indicators_of};
pub use self::stix_sighting::stix_sightings;
pub use self::value::{Indicator, InvalidIndicator};
pub(crate) use self::value::{common, home_page, host_of_url};
