//! The design system: one file for each component, pure functions from typed values to markup. The pages compose these
//! and have no markup of their own for what is here; `/design` shows all of them. Colours, sizes and distances are the
//! tokens of `assets/css/tokens.css`.
//!
//! Text that may come from mail goes through [`text`], which makes hidden characters visible; everything else is escaped
//! by maud.

pub(crate) mod button;
pub(crate) mod chart;
pub(crate) mod confirmation;
pub(crate) mod empty;
pub(crate) mod facts;
pub(crate) mod field;
pub(crate) mod filter_bar;
pub(crate) mod icon;
pub(crate) mod menu;
pub(crate) mod numbers;
pub(crate) mod pane;
pub(crate) mod pill;
pub(crate) mod selection_bar;
pub(crate) mod stepper;
pub(crate) mod table;
pub(crate) mod tabs;
pub(crate) mod text;
pub(crate) mod time_chart;
pub(crate) mod toast;
pub(crate) mod words;
