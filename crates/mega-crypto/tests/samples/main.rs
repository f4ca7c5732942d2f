//! Fingerprints, file attributes and media data, from the outside.

#[path = "../content/data.rs"]
#[expect(dead_code, reason = "shared with the tests of the content")]
mod data;
mod file_attributes;
mod fingerprints;
