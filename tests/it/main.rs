//! The one integration-test binary. This list is the table of contents.

mod playbooks;
mod connectors;
mod servers;
mod store;
