//! Storage hosts: the addresses they are reached at, and what they answer.
//!
//! This part knows the framing of uploads and downloads (api-and-transfers 6 and 7) and nothing of
//! what the bytes mean. With the feature `driver`, `StorageApi` sends the requests.

mod download;
mod error;
mod file_attributes;
pub mod raid;
mod upload;
mod urls;

pub use download::{ByteRange, LengthGuard, check_download_status};
pub use error::StorageError;
pub use file_attributes::{
    FileAttributeRecords, MAX_FILE_ATTRIBUTE, parse_file_attribute_handle, parse_file_attributes,
};
pub use upload::{
    CHUNK_BOUNDARIES, PartChecksum, UploadReply, UploadToken, chunk_boundary_at_or_after,
    is_chunk_boundary, upload_checksum,
};
pub use urls::{DownloadUrl, UploadUrl};
