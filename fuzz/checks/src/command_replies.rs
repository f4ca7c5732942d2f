//! Replies to commands: the batch, and each command's own.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use mega_protocol::commands::{
    CheckRecoveryCode, CheckTransferQuota, ConfirmRegistration, CopySession, CreateLink,
    FetchDownloadAddress, FetchLinkInfo, FetchPendingKeys, FetchPublicKey, FetchQuota,
    FetchTwoFactorSecret, FetchUploadAddress, FetchUserAttribute, FetchUserData, ListSessions,
    Login, MoveNode, Prelogin, PutNodes, RawCommand, ResumeSession, SetNodeAttributes,
    SetUserAttribute, TwoFactorEnabled, WhyAmIBlocked,
};
use mega_protocol::lane::{ApiResponse, CommandLane, LaneConfig, LaneEvent};
use mega_protocol::{Command, Effect, EncodedCommand, NodeHandle, ServerUrl, decode_reply};

use crate::input::Input;

/// A body that answers a batch: each command gets one result, or the batch goes again with the
/// same id and the same bytes. The first byte says how many commands there are, the next two the
/// HTTP status.
pub fn command_batches(input: &[u8]) {
    let mut input = Input(input);
    let [count] = input.array();
    let count = usize::from(count % 5) + 1;
    let status = match u16::from_le_bytes(input.array()) {
        402 => 402,
        other if other % 16 == 1 => other,
        _ => 200,
    };
    let origin = ServerUrl::parse("https://g.api.mega.co.nz/").expect("a good URL");
    let mut lane = CommandLane::new(LaneConfig::new(origin).expect("a good URL"), 1);
    let mut open: BTreeSet<_> = (0..count)
        .map(|number| {
            let effect = if number % 2 == 0 {
                Effect::Mutation
            } else {
                Effect::Read
            };
            lane.submit(EncodedCommand::new(&RawCommand::new("x", effect)))
        })
        .collect();
    let mut now = Instant::now();
    let mut sent: Option<(String, Vec<u8>)> = None;
    for _ in 0..20 {
        let Some(request) = lane.poll_transmit(now) else {
            let Some(at) = lane.poll_timeout() else { break };
            now = now.max(at);
            lane.handle_timeout(now);
            continue;
        };
        let this = (request.id.to_string(), request.body.to_vec());
        if let Some(before) = &sent {
            // RTY-1: the same id never goes with other bytes.
            assert_eq!(before.0 == this.0, before.1 == this.1 && before.0 == this.0);
        }
        sent = Some(this);
        let mut response = ApiResponse::new(status, input.0.to_vec());
        if status == 402 {
            response.hashcash = Some(input.text().into_owned());
        }
        lane.handle_response(now, Ok(response));
        while let Some(event) = lane.poll_event() {
            match event {
                LaneEvent::Done { ticket, result } => {
                    assert!(open.remove(&ticket), "each command gets one result");
                    if let Ok(answer) = result {
                        assert!(status == 200 && !answer.element.is_empty());
                    }
                }
                LaneEvent::Proof(challenge) => lane.handle_proof(now, Ok([0; 4]), &challenge),
                _ => {}
            }
        }
        now += Duration::from_millis(1);
    }
    lane.close();
    while let Some(event) = lane.poll_event() {
        if let LaneEvent::Done { ticket, .. } = event {
            assert!(open.remove(&ticket), "each command gets one result");
        }
    }
    assert!(
        open.is_empty() || lane.is_waiting(),
        "every command gets a result"
    );
}

/// One reply, read as that of each command.
pub fn command_replies(reply: &[u8]) {
    let node = NodeHandle::from_bytes([1; 6]);
    let user: mega_protocol::UserHandle = "sV6MOnoUMPA".parse().expect("a handle");
    read(&CheckRecoveryCode::new("code"), reply);
    read(&CheckTransferQuota::new(1), reply);
    read(&ConfirmRegistration::new(b"code".to_vec()), reply);
    read(&CopySession::new(), reply);
    read(&CreateLink::new(node), reply);
    read(&FetchDownloadAddress::node(node), reply);
    read(
        &FetchLinkInfo::new("2c0i0att".parse().expect("a handle")),
        reply,
    );
    read(&FetchPendingKeys::new(), reply);
    read(&FetchPublicKey::new(user), reply);
    read(&FetchQuota::new(), reply);
    read(&FetchTwoFactorSecret::new(), reply);
    read(&FetchUploadAddress::new(1), reply);
    read(&FetchUserAttribute::new(user, "*x"), reply);
    read(&FetchUserData::new(), reply);
    read(&ListSessions::new(), reply);
    read(&Login::new("a@example.org", b"hash".to_vec()), reply);
    read(&MoveNode::new(node, node), reply);
    read(&Prelogin::new("a@example.org"), reply);
    read(&PutNodes::new(node, Vec::new()), reply);
    read(&ResumeSession::new([1; 16].to_vec()), reply);
    read(&SetNodeAttributes::new(node, b"attributes".to_vec()), reply);
    read(&SetUserAttribute::new("*x", b"value".to_vec()), reply);
    read(&TwoFactorEnabled::new("a@example.org"), reply);
    read(&WhyAmIBlocked::new(), reply);
    read(&RawCommand::new("x", Effect::Read), reply);
}

fn read<C: Command>(command: &C, reply: &[u8]) {
    if let Err(error) = decode_reply(command, reply) {
        let shown = format!("{error} {error:?}");
        assert!(shown.len() < 1000, "an error does not quote the reply");
    }
    // What is sent is one JSON value, whatever is in it.
    let sent = EncodedCommand::new(command);
    assert!(
        mega_protocol::json::Value::parse(sent.expose_json()).is_ok_and(|value| value.is_object())
    );
}
