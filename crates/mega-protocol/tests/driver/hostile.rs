//! Services that send bombs and crumbs, and callers that go away or panic in the middle.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use mega_protocol::commands::FetchNodes;
use mega_protocol::fetch::FetchSink;
use mega_protocol::{Api, RawNode, RetryPolicy};

use crate::support::Scripted;

#[derive(Default)]
struct Count(usize);

impl FetchSink for Count {
    fn node(&mut self, _node: &RawNode<'_>) {
        self.0 += 1;
    }

    fn restart(&mut self) {
        self.0 = 0;
    }
}

#[tokio::test(start_paused = true)]
async fn inv_10_a_compressed_tree_in_one_piece_is_passed_on_in_small_ones_and_given_up_at_its_limit()
 {
    let (transport, _requests) = Scripted::new();
    let api = Api::builder(transport.clone())
        .max_tree(100_000)
        .retry(RetryPolicy::none())
        .build()
        .unwrap();
    let node = r#"{"h":"AAAAAAAB","t":1},"#;
    let nodes = 400_000;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(br#"[{"f":["#).unwrap();
    for _ in 0..nodes / 1000 {
        encoder.write_all(node.repeat(1000).as_bytes()).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() > 16 << 10, "more than a few steps");
    transport.reply_with(200, &[("content-encoding", "gzip")], bomb);
    let mut sink = Count::default();
    let error = api
        .fetch_nodes(FetchNodes::new(), &mut sink)
        .await
        .unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    // Up to the limit, and what one step may expand to.
    assert!(sink.0 < nodes / 2, "{} nodes were passed on", sink.0);
}
