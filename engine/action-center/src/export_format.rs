//! The formats that a remediation is exported in.

use clawback_model::words;
use strum::{EnumCount, IntoStaticStr, VariantArray};

/// The format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum ExportFormat {
    /// Our own: each line has a `record` field.
    #[default]
    Clawback,
    /// Events of the Open Cybersecurity Schema Framework.
    Ocsf,
    /// Records of the Office 365 Management Activity API.
    O365Air,
}

words!(ExportFormat, "format");
