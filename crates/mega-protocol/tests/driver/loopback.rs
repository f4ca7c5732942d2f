//! The whole protocol against the test server, over real sockets.

use bytes::Bytes;
use mega_protocol::commands::*;
use mega_protocol::events::{ChannelEnd, EventBatch, Packet};
use mega_protocol::fetch::FetchSink;
use mega_protocol::storage::{ByteRange, UploadReply, UploadToken, chunk_boundary_at_or_after};
use mega_protocol::{
    Api, ErrorKind, EventStream, Identity, NodeHandle, NodeKind, NodeRecord, RawNode, SequenceTag,
    SessionId, UploadProgress,
};
use mega_testserver::TestServer;

use crate::support::{EMAIL, signed_in};

/// The nodes of the tree.
#[derive(Default)]
pub(crate) struct Nodes(pub(crate) Vec<NodeRecord>);

impl FetchSink for Nodes {
    fn node(&mut self, node: &RawNode<'_>) {
        self.0.push((*node).into());
    }

    fn restart(&mut self) {
        self.0.clear();
    }
}

impl Nodes {
    pub(crate) fn root(&self) -> NodeHandle {
        self.0
            .iter()
            .find(|n| n.as_raw().kind == NodeKind::Root)
            .unwrap()
            .handle()
    }

    pub(crate) fn rubbish(&self) -> NodeHandle {
        self.0
            .iter()
            .find(|n| n.as_raw().kind == NodeKind::Rubbish)
            .unwrap()
            .handle()
    }
}

/// The tree, and the events from its position on, caught up.
pub(crate) async fn tree(api: &Api) -> (Nodes, EventStream) {
    let mut nodes = Nodes::default();
    let summary = api
        .fetch_nodes(FetchNodes::new(), &mut nodes)
        .await
        .unwrap();
    assert_eq!(summary.nodes, nodes.0.len() as u64);
    let mut events = api.events(summary.sequence_number);
    while events.next_batch().await.unwrap().more {}
    (nodes, events)
}

/// Waits for the packets of this tag.
pub(crate) async fn packets_of(events: &mut EventStream, tag: &Option<SequenceTag>) -> Vec<Packet> {
    let tag = tag.as_ref().expect("a change has a tag");
    loop {
        let EventBatch { packets, .. } = events.next_batch().await.unwrap();
        if packets.iter().any(|p| p.tag.as_ref() == Some(tag)) {
            return packets.into_iter().map(|p| p.packet).collect();
        }
    }
}

/// Uploads arbitrary bytes in parts that end on chunk boundaries, the last part first.
pub(crate) async fn upload(api: &Api, content: &[u8]) -> UploadToken {
    let size = content.len() as u64;
    let address = api.send(FetchUploadAddress::new(size)).await.unwrap().reply;
    let mut cuts = vec![0];
    while *cuts.last().unwrap() < size {
        cuts.push(chunk_boundary_at_or_after(cuts.last().unwrap() + 1).min(size));
    }
    if size == 0 {
        cuts.push(0);
    }
    let mut token = None;
    for part in cuts.windows(2).rev() {
        let bytes = Bytes::copy_from_slice(&content[part[0] as usize..part[1] as usize]);
        let progress = UploadProgress::default();
        let reply = api
            .storage()
            .upload_part(&address, part[0], bytes, progress.clone())
            .await
            .unwrap();
        assert_eq!(progress.bytes(), part[1] - part[0]);
        if let UploadReply::Complete(complete) = reply {
            assert!(token.is_none());
            token = Some(complete);
        }
    }
    token.expect("the upload is complete")
}

/// A file in the tree; names and keys are noise here.
pub(crate) async fn put_file(
    api: &Api,
    parent: NodeHandle,
    content: &[u8],
) -> (NodeHandle, Option<SequenceTag>) {
    let token = upload(api, content).await;
    let node = NewNode::upload(token, [5; 16], [6; 32]);
    let answer = api.send(PutNodes::new(parent, vec![node])).await.unwrap();
    assert!(answer.reply.failures.is_empty());
    (answer.reply.files[0].0, answer.tag)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_up_and_comes_back_and_every_change_is_heard_of() {
    let (_server, api) = signed_in().await;
    let (nodes, mut events) = tree(&api).await;
    assert_eq!(nodes.0.len(), 3);

    let temporary = NodeHandle::from_bytes([9; 6]);
    let folder = NewNode::folder(temporary, [1; 16], [2; 16]);
    let made = api
        .send(PutNodes::new(nodes.root(), vec![folder]))
        .await
        .unwrap();
    let packets = packets_of(&mut events, &made.tag).await;
    let Some(Packet::NewNodes(new)) = packets.first() else {
        panic!("{packets:?}")
    };
    let folder = new.nodes[0].handle();
    assert_eq!(new.nodes[0].as_raw().index, Some(0));
    assert_eq!(new.nodes[0].as_raw().parent, Some(nodes.root()));

    let content: Vec<u8> = (0..500_000u32).map(|n| (n * 7) as u8).collect();
    let (file, tag) = put_file(&api, folder, &content).await;
    let packets = packets_of(&mut events, &tag).await;
    let Some(Packet::NewNodes(new)) = packets.first() else {
        panic!("{packets:?}")
    };
    assert_eq!(new.nodes[0].handle(), file);
    assert_eq!(new.nodes[0].as_raw().size, Some(500_000));

    let address = api
        .send(FetchDownloadAddress::node(file))
        .await
        .unwrap()
        .reply;
    assert_eq!((address.urls.len(), address.size), (1, 500_000));
    for (first, len) in [(0u64, 500_000u64), (16, 1), (131_071, 2), (499_999, 1)] {
        let range = ByteRange::new(first, len).unwrap();
        let stream = api
            .storage()
            .download_range(&address.urls[0], range)
            .await
            .unwrap();
        let got = stream.collect().await.unwrap();
        assert_eq!(got, content[first as usize..(first + len) as usize]);
    }

    let renamed = api
        .send(SetNodeAttributes::new(file, [8; 32]))
        .await
        .unwrap();
    let packets = packets_of(&mut events, &renamed.tag).await;
    assert!(matches!(&packets[0], Packet::NodeChanged(c) if c.node == file));

    let moved = api
        .send(MoveNode::new(file, nodes.rubbish()))
        .await
        .unwrap();
    let packets = packets_of(&mut events, &moved.tag).await;
    assert!(matches!(&packets[0], Packet::Deleted(d) if d.node == file && d.moved));
    assert!(packets.iter().any(|p| matches!(p, Packet::NewNodes(n)
            if n.nodes[0].as_raw().parent == Some(nodes.rubbish()))));

    let link = api.send(CreateLink::new(file)).await.unwrap();
    let packets = packets_of(&mut events, &link.tag).await;
    assert!(matches!(&packets[0], Packet::Link(l) if l.link == Some(link.reply.handle)));
    let stranger = api.with_identity(Identity::Anonymous);
    let public = stranger
        .send(FetchDownloadAddress::link(link.reply.handle))
        .await
        .unwrap()
        .reply;
    let range = ByteRange::new(0, 10).unwrap();
    let stream = stranger
        .storage()
        .download_range(&public.urls[0], range)
        .await
        .unwrap();
    assert_eq!(stream.collect().await.unwrap(), content[..10]);
    api.send(RemoveLink::new(file)).await.unwrap();
    let gone = stranger
        .send(FetchDownloadAddress::link(link.reply.handle))
        .await
        .unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);

    let deleted = api.send(DeleteNode::new(file)).await.unwrap();
    let packets = packets_of(&mut events, &deleted.tag).await;
    assert!(
        packets
            .iter()
            .any(|p| matches!(p, Packet::Deleted(d) if d.node == file && !d.moved))
    );
    let again = api.send(DeleteNode::new(file)).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::NotFound);

    let (after, _) = tree(&api).await;
    assert_eq!(after.0.len(), 4, "three roots and a folder");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_any_size_round_trip() {
    let (_server, api) = signed_in().await;
    let (nodes, _) = tree(&api).await;
    for size in [
        0usize,
        1,
        15,
        16,
        17,
        131_071,
        131_072,
        131_073,
        393_216,
        1 << 20,
    ] {
        let content: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        let (file, _) = put_file(&api, nodes.root(), &content).await;
        let address = api
            .send(FetchDownloadAddress::node(file))
            .await
            .unwrap()
            .reply;
        assert_eq!(address.size, size as u64);
        if let Some(range) = ByteRange::new(0, size as u64) {
            let stream = api
                .storage()
                .download_range(&address.urls[0], range)
                .await
                .unwrap();
            assert_eq!(stream.collect().await.unwrap(), content, "{size}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_changes_at_once_make_a_handful_of_requests() {
    let (server, api) = signed_in().await;
    let (nodes, _) = tree(&api).await;
    server.service().clear_journal();
    let folders = (0..1000u16).map(|n| {
        let [a, b] = n.to_be_bytes();
        let handle = NodeHandle::from_bytes([1, 2, 3, 4, a, b]);
        let folder = NewNode::folder(handle, [1; 16], [2; 16]);
        PutNodes::new(nodes.root(), vec![folder])
    });
    let pending = api.submit_all(folders).unwrap();
    let mut tags = std::collections::BTreeSet::new();
    for answer in pending {
        tags.insert(answer.await.unwrap().tag.unwrap());
    }
    assert_eq!(tags.len(), 1000);
    let requests = server
        .journal()
        .iter()
        .filter(|e| !e.commands.is_empty())
        .count();
    assert_eq!(requests, 1);
    let (after, _) = tree(&api).await;
    assert_eq!(after.0.len(), 1003);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_tells_about_itself() {
    let (_server, api) = signed_in().await;
    let data = api.send(FetchUserData::new()).await.unwrap().reply;
    assert_eq!(data.email.unwrap().expose(), EMAIL);
    assert_eq!(data.account_version, Some(2));
    assert!(data.attributes.contains_key("^!keys"));
    let own = data.user.unwrap();
    let keys = api
        .send(FetchUserAttribute::new(own, "^!keys"))
        .await
        .unwrap()
        .reply;
    assert_eq!(keys.version, data.attributes["^!keys"].version);

    let quota = api.send(FetchQuota::new()).await.unwrap().reply;
    assert!(quota.storage_allowed.unwrap() > 0);
    let sessions = api.send(ListSessions::new()).await.unwrap().reply;
    assert_eq!(sessions.iter().filter(|s| s.current).count(), 1);
    assert_eq!(sessions[0].user_agent, "mega-protocol tests");

    let set = api
        .send(SetUserAttribute::new("firstname", *b"New"))
        .await
        .unwrap();
    assert!(set.tag.is_some());
    let name = api
        .send(FetchUserAttribute::new(own, "firstname"))
        .await
        .unwrap()
        .reply;
    assert_eq!(name.decode().unwrap().as_bytes(), b"New");
    let stale = SetUserAttributes::new().with("^!keys", *b"x", Some("stale".into()));
    assert_eq!(
        api.send(stale).await.unwrap_err().kind(),
        ErrorKind::Expired
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_commands_and_events() {
    let (_server, api) = signed_in().await;
    let (_, mut events) = tree(&api).await;
    let other = api.clone();
    api.send(Logout::new()).await.unwrap();
    let error = other.send(FetchUserData::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionExpired);
    assert_eq!(events.next_batch().await, Err(ChannelEnd::SessionEnded));
    assert_eq!(events.next_batch().await, Err(ChannelEnd::SessionEnded));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_session_lives_beside_the_first_and_can_be_ended() {
    let (server, api) = signed_in().await;
    let second = api.with_identity(Identity::Anonymous);
    crate::support::sign_in(&server, &second).await;
    let sessions = api.send(ListSessions::new()).await.unwrap().reply;
    assert_eq!(sessions.iter().filter(|s| s.alive).count(), 2);
    api.send(EndSessions::Others).await.unwrap();
    let error = second.send(FetchUserData::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionExpired);
    api.send(FetchUserData::new()).await.unwrap();
    let stale = SessionId::from_bytes([3; 43]);
    let stranger = api.with_identity(Identity::Session(stale));
    let error = stranger.send(FetchUserData::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionExpired);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_link_is_a_tree_of_its_own() {
    let (server, api) = signed_in().await;
    let folder: NodeHandle = server.with_model(|m| {
        m.make_file(EMAIL, "/shared/inner/file.txt", b"content", 1_700_000_000)
            .unwrap();
        m.find(EMAIL, "/shared")
            .unwrap()
            .to_string()
            .parse()
            .unwrap()
    });
    let share = SetShare::grant(
        folder,
        ShareTarget::Everyone,
        mega_protocol::AccessLevel::Read,
    );
    api.send(share).await.unwrap();
    let link = api
        .send(CreateLink::new(folder))
        .await
        .unwrap()
        .reply
        .handle;

    let visitor = api.with_identity(Identity::folder_link(link));
    let (nodes, mut events) = tree(&visitor).await;
    assert_eq!(nodes.0.len(), 3);
    assert_eq!(
        nodes.0[0].handle(),
        folder,
        "the root of the link comes first"
    );
    let file = nodes
        .0
        .iter()
        .find(|n| n.as_raw().kind == NodeKind::File)
        .unwrap();
    let address = visitor
        .send(FetchDownloadAddress::node(file.handle()))
        .await
        .unwrap()
        .reply;
    assert_eq!(address.size, 7);
    let refused = visitor
        .send(DeleteNode::new(file.handle()))
        .await
        .unwrap_err();
    assert!(!refused.is_outcome_unknown());

    api.send(RemoveLink::new(folder)).await.unwrap();
    let end = loop {
        match events.next_batch().await {
            Ok(_) => {}
            Err(end) => break end,
        }
    };
    assert_eq!(end, ChannelEnd::LinkGone);
}

#[tokio::test(flavor = "multi_thread")]
async fn file_attributes_are_stored_and_fetched() {
    let (_server, api) = signed_in().await;
    let (nodes, mut events) = tree(&api).await;
    let (file, _) = put_file(&api, nodes.root(), b"picture").await;
    let data = Bytes::from(vec![3u8; 64]);
    let address = api
        .send(FetchFileAttributeUploadAddress::new(64))
        .await
        .unwrap()
        .reply;
    let handle = api
        .storage()
        .upload_file_attribute(&address, data.clone())
        .await
        .unwrap();
    let attached = api
        .send(AttachFileAttribute::new(file, 0, handle))
        .await
        .unwrap();
    assert!(attached.reply.unwrap().contains(&handle.to_string()));
    let packets = packets_of(&mut events, &attached.tag).await;
    assert!(
        packets
            .iter()
            .any(|p| matches!(p, Packet::FileAttributes { node, .. } if *node == file))
    );
    let address = api
        .send(FetchFileAttributeAddress::new(handle))
        .await
        .unwrap()
        .reply;
    let found = api
        .storage()
        .download_file_attributes(&address, &[handle])
        .await
        .unwrap();
    assert_eq!(found, [(handle, data)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_hear_of_each_others_changes() {
    let (server, api) = signed_in().await;
    let (nodes, mut first) = tree(&api).await;
    let other = api.with_identity(Identity::Anonymous);
    crate::support::sign_in(&server, &other).await;
    let (_, mut second) = tree(&other).await;
    let folder = NewNode::folder(NodeHandle::from_bytes([9; 6]), [1; 16], [2; 16]);
    let made = api
        .send(PutNodes::new(nodes.root(), vec![folder]))
        .await
        .unwrap();
    let (a, b) = tokio::join!(
        packets_of(&mut first, &made.tag),
        packets_of(&mut second, &made.tag)
    );
    assert_eq!(a, b);
    assert_eq!(first.position(), second.position());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_tree_is_streamed_compressed_or_not() {
    for gzip in [true, false] {
        let server = TestServer::start().await.unwrap();
        server.account(EMAIL, crate::support::PASSWORD).create();
        let api = crate::support::builder(&server).gzip(gzip).build().unwrap();
        crate::support::sign_in(&server, &api).await;
        server.with_model(|m| {
            for n in 0..300 {
                m.make_file(EMAIL, &format!("/d{}/f{n}", n % 7), b"x", 1_700_000_000)
                    .unwrap();
            }
        });
        let (nodes, _) = tree(&api).await;
        assert_eq!(nodes.0.len(), 3 + 7 + 300);
        assert!(nodes.0.iter().all(|n| n.as_raw().defects.is_empty()));
    }
}
