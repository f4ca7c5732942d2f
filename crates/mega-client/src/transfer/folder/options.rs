//! What both directions let a caller choose.

use mega_filename::LocalPolicy;

use super::super::progress::Progress;
use super::filter::Filter;

/// The choices that mean the same both ways.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) progress: Progress,
    pub(super) filter: Filter,
    pub(super) names: LocalPolicy,
    pub(super) dry_run: bool,
    pub(super) delete_extraneous: bool,
}

impl Options {
    pub(super) fn new(names: LocalPolicy) -> Self {
        Self {
            progress: Progress::new(),
            filter: Filter::new(),
            names,
            dry_run: false,
            delete_extraneous: false,
        }
    }
}

/// The methods of a builder that set [`Options`] in its field `options`.
macro_rules! common_options {
    ($builder:ident) => {
        impl $builder {
            /// Shows how far it is, and lets somebody stop it.
            pub fn progress(mut self, progress: &Progress) -> Self {
                self.options.progress = progress.clone();
                self
            }

            /// Which entries take part.
            pub fn filter(mut self, filter: Filter) -> Self {
                self.options.filter = filter;
                self
            }

            /// Only finds out what would be done.
            pub fn dry_run(mut self) -> Self {
                self.options.dry_run = true;
                self
            }
        }
    };
}

pub(super) use common_options;
