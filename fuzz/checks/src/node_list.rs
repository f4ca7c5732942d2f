//! The reply of `f`, which is read while it arrives.

use mega_protocol::RawNode;
use mega_protocol::fetch::{FetchError, FetchParser, FetchSink, FetchSummary};
use mega_protocol::json::DecodeError;

use crate::input::Input;

/// The reply in one piece and in pieces of any size: the same nodes, the same outcome. The first
/// eight bytes choose the pieces.
pub fn node_list(input: &[u8]) {
    let mut input = Input(input);
    let seed = input.number();
    let (whole, first) = read(input.0, |_| usize::MAX);
    let mut random = seed | 1;
    let pieces = |_| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 58).expect("small")
    };
    let (again, second) = read(input.0, pieces);
    let (bytewise, third) = read(input.0, |_| 1);
    assert_eq!(whole.is_ok(), again.is_ok(), "{whole:?} {again:?}");
    assert_eq!(whole.is_ok(), bytewise.is_ok(), "{whole:?} {bytewise:?}");
    if let Ok(summary) = whole {
        assert_eq!(again.as_ref(), Ok(&summary));
        assert_eq!(bytewise.as_ref(), Ok(&summary));
        assert!(
            first == second && first == third,
            "the nodes do not depend on the pieces"
        );
        assert_eq!(summary.bytes, input.0.len() as u64);
        assert_eq!(summary.nodes, first.nodes);
    }
}

fn read(
    reply: &[u8],
    mut piece: impl FnMut(()) -> usize,
) -> (Result<FetchSummary, FetchError>, Seen) {
    let mut seen = Seen::default();
    let mut parser = FetchParser::new().with_max_nodes(1000);
    let mut rest = reply;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(piece(()).min(rest.len()));
        rest = later;
        if let Err(error) = parser.feed(now, &mut seen) {
            assert_eq!(
                parser.feed(b"]", &mut seen).as_ref(),
                Err(&error),
                "the same error again"
            );
            return (Err(error), seen);
        }
    }
    (parser.finish(&mut seen), seen)
}

#[derive(Debug, Default, PartialEq)]
struct Seen {
    log: Vec<String>,
    nodes: u64,
}

impl FetchSink for Seen {
    fn node(&mut self, node: &RawNode<'_>) {
        assert!(node.size.is_none_or(|size| size <= 1 << 60), "TRE-10");
        self.nodes += 1;
        self.log.push(format!(
            "{node:?} {} {} {}",
            node.key, node.attributes, node.file_attributes
        ));
    }

    fn malformed(&mut self, section: &'static str, _: DecodeError) {
        self.log.push(section.to_owned());
    }
}
