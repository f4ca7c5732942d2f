//! The commands, one file per family, with their replies.
//!
//! Each command is a plain value: a constructor for what it must have, public fields for what it
//! may have. Requests are of the current dialect (`v=3` in the URL); replies are understood in the
//! current and in the older one (api-and-transfers 2.7).

mod account_keys;
mod blocked;
mod contacts;
mod delete;
mod download_address;
mod fetch_nodes;
mod file_attributes;
mod links;
mod login;
mod move_node;
mod prelogin;
mod put_nodes;
mod quota;
mod raw;
mod recovery;
mod registration;
mod sessions;
mod set_attributes;
mod shares;
mod two_factor;
mod upload_address;
mod user_attributes;
mod user_data;

pub use account_keys::{ChangePassword, CreateEphemeral, PasswordProof, SetKeyPair};
pub use blocked::{BlockReason, WhyAmIBlocked};
pub use contacts::{
    AnswerInvitation, ContactVisibility, FetchPublicKey, InvitationAnswer, InviteAction,
    InviteContact, PublicKeyInfo, SetContact,
};
pub use delete::{DeleteAllVersions, DeleteNode, EmptyRubbish};
pub use download_address::{DownloadAddress, DownloadSource, FetchDownloadAddress};
pub use fetch_nodes::FetchNodes;
pub use file_attributes::{
    AttachFileAttribute, FetchFileAttributeAddress, FetchFileAttributeUploadAddress,
    FileAttributeTarget,
};
pub use links::{CreateLink, CreatedLink, FetchLinkInfo, LinkInfo, RemoveLink};
pub use login::{
    CopiedSession, CopySession, Login, LoginReply, ResumeReply, ResumeSession, SessionGrant,
};
pub use move_node::MoveNode;
pub use prelogin::{AccountVersion, Prelogin};
pub use put_nodes::{NewNode, NewNodeSource, PutNodes, PutNodesReply, PutTarget};
pub use quota::{CheckTransferQuota, FetchQuota, Quota, StorageState, StorageUse, TransferCheck};
pub use raw::{RawCommand, RawReply};
pub use recovery::{
    CheckRecoveryCode, FetchRecoveryKeyBlob, FinishRecovery, RecoveryAction, RecoveryInfo,
    RequestRecovery,
};
pub use registration::{
    CancelRegistration, ConfirmRegistration, Confirmation, RequestConfirmation, UpgradeAccount,
};
pub use sessions::{EndSessions, ListSessions, Logout, SessionInfo};
pub use set_attributes::SetNodeAttributes;
pub use shares::{
    FetchPendingKeys, PendingKey, PendingKeys, RemovePendingKeys, RewriteNodeKeys, SendShareKey,
    SetShare, ShareKeys, ShareReply, ShareTarget, SupplyShareKeys, WrappedNodeKey,
};
pub use two_factor::{DisableTwoFactor, EnableTwoFactor, FetchTwoFactorSecret, TwoFactorEnabled};
pub use upload_address::{FetchUploadAddress, UploadTarget};
pub use user_attributes::{
    AttributeOwner, AttributeValue, FetchUserAttribute, RemoveUserAttribute, SetUserAttribute,
    SetUserAttributes,
};
pub use user_data::{BusinessState, FetchUserData, UserData};

use crate::ReplyError;
use crate::json::Value;

/// The reply of a command that has nothing to say: any value that is not a refusal.
fn done(_reply: Value<'_>) -> Result<(), ReplyError> {
    Ok(())
}
