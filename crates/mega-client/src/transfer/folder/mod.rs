//! Whole trees, both ways: looked over first, then moved, many files at once, each with its own
//! outcome.

mod dirs;
mod download;
mod filter;
mod make_dirs;
mod names;
mod open_local;
mod options;
mod put;
mod remote_dirs;
mod remove;
mod remove_remote;
mod report;
mod same;
mod scan;
mod side_by_side;
mod upload;
mod where_to;

pub use download::DownloadFolder;
pub use filter::Filter;
pub use report::{FileOutcome, FolderReport, Outcome, SkipReason};
pub use upload::UploadFolder;

pub(crate) use dirs::{DirId, Dirs};
pub(crate) use scan::raw_name as local_raw_name;
