//! The reply of `f` for a public folder or an account that does not exist: any number of nodes in any shape, with keys and
//! attributes as a real one has them.

use std::io::{self, Write};

use mega_crypto::content::{ContentKey, MetaMac};
use mega_crypto::{AttributeKey, FileKey, FolderKey, KeyCipher, attributes, base64};

/// The key of the link, and of everything in it.
pub(crate) const LINK_KEY: [u8; 16] = [42; 16];

/// Whom the keys of the nodes are for.
pub(crate) struct Holder {
    name: String,
    cipher: KeyCipher,
    account: bool,
}

impl Holder {
    /// Everybody who has the [link].
    #[must_use]
    pub(crate) fn link() -> Self {
        Self {
            name: handle(0),
            cipher: KeyCipher::new(&LINK_KEY),
            account: false,
        }
    }

    /// The account with this master key and handle; then the first node is the root of its cloud drive.
    #[must_use]
    pub(crate) fn account(master: &[u8; 16], user: &str) -> Self {
        Self {
            name: user.to_owned(),
            cipher: KeyCipher::new(master),
            account: true,
        }
    }
}

/// Where the nodes are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// Folders of a hundred files each, forty of them in each folder above.
    Bushy,
    /// All in one folder.
    Flat,
    /// Each folder in the one before.
    Deep,
    /// Two folders below the root, everything else below the first: two levels of hundreds.
    Movable,
}

/// The link that the reply belongs to.
#[must_use]
pub(crate) fn link() -> String {
    format!(
        "https://mega.nz/folder/AAAAAAAA#{}",
        base64::encode(&LINK_KEY)
    )
}

/// Writes the reply of `f` with so many nodes below the root, at the position `sn`.
///
/// # Errors
///
/// Those of the writer.
pub(crate) fn write_reply(
    out: &mut impl Write,
    holder: &Holder,
    shape: Shape,
    nodes: u64,
    sn: &str,
) -> io::Result<()> {
    write!(out, "[{{\"f\":[")?;
    write_nodes(out, holder, shape, 0..=nodes)?;
    write!(out, "],\"ok\":[],\"s\":[],\"sn\":\"{sn}\"}}]")
}

/// Writes the event that moves the first folder with all that is below it into the second.
///
/// # Errors
///
/// Those of the writer.
pub(crate) fn write_move(out: &mut impl Write, nodes: u64) -> io::Result<()> {
    let first = handle(1);
    write!(
        out,
        "{{\"a\":[{{\"a\":\"d\",\"n\":\"{first}\",\"m\":1,\"ou\":\"AAAAAAAAAAA\"}},"
    )?;
    write!(out, "{{\"a\":\"t\",\"t\":{{\"f\":[")?;
    let mut line = Vec::new();
    let holder = Holder::link();
    node(&mut line, &holder, Shape::Movable, 1, Some(2))?;
    out.write_all(&line)?;
    if nodes > 2 {
        write!(out, ",")?;
        write_nodes(out, &holder, Shape::Movable, 3..=nodes)?;
    }
    write!(
        out,
        "]}},\"ou\":\"AAAAAAAAAAA\"}}],\"sn\":\"AAAAAAAAAAI\"}}"
    )
}

fn write_nodes(
    out: &mut impl Write,
    holder: &Holder,
    shape: Shape,
    numbers: std::ops::RangeInclusive<u64>,
) -> io::Result<()> {
    let first = *numbers.start();
    let mut line = Vec::new();
    for number in numbers {
        line.clear();
        if number > first {
            line.push(b',');
        }
        node(&mut line, holder, shape, number, None)?;
        out.write_all(&line)?;
    }
    Ok(())
}

/// The handle of a node, as text.
#[must_use]
pub(crate) fn handle(number: u64) -> String {
    // Mixed, so that neighbours are not neighbours in any table.
    let mixed = (number + 1).wrapping_mul(0x9E37_79B9_7F4B) & 0xFFFF_FFFF_FFFF;
    let [.., a, b, c, d, e, f] = mixed.to_be_bytes();
    base64::encode(&[a, b, c, d, e, f])
}

/// The parent of a node; whether it is a folder; its name.
#[must_use]
pub(crate) fn place(shape: Shape, number: u64) -> (u64, bool, String) {
    match shape {
        Shape::Bushy => {
            // Of 101 nodes in a row the first is a folder and holds the others.
            let (folder, within) = ((number - 1) / 101, (number - 1) % 101);
            if within == 0 {
                let above = if folder == 0 {
                    0
                } else {
                    (folder - 1) / 40 * 101 + 1
                };
                let above = if folder <= 40 { 0 } else { above };
                (above, true, format!("folder {folder}"))
            } else {
                (
                    folder * 101 + 1,
                    false,
                    format!("Holiday picture {within:05}.jpeg"),
                )
            }
        }
        Shape::Flat => (0, false, format!("Holiday picture {number:07}.jpeg")),
        Shape::Deep => (number - 1, true, format!("level {number}")),
        Shape::Movable => match number {
            1 | 2 => (0, true, format!("folder {number}")),
            number if number % 400 == 3 => (1, true, format!("folder {number}")),
            number => {
                let folder = (number - 3) / 400 * 400 + 3;
                (folder, false, format!("Holiday picture {number:07}.jpeg"))
            }
        },
    }
}

fn node(
    out: &mut Vec<u8>,
    holder: &Holder,
    shape: Shape,
    number: u64,
    parent: Option<u64>,
) -> io::Result<()> {
    let Holder {
        name: root,
        cipher: link,
        account,
    } = holder;
    if *account && number == 0 {
        let own = handle(0);
        return write!(
            out,
            "{{\"h\":\"{own}\",\"p\":\"\",\"u\":\"{root}\",\"t\":2,\"a\":\"\",\"k\":\"\",\"ts\":1700000000}}"
        );
    }
    let own = handle(number);
    let mut random = Random(number.wrapping_add(77));
    let (above, folder, name) = if number == 0 {
        (u64::MAX, true, "root".to_owned())
    } else {
        place(shape, number)
    };
    let above = match parent.unwrap_or(above) {
        u64::MAX => String::from("AAAAAAAA"),
        above => handle(above),
    };
    if folder {
        let key = FolderKey::from_bytes(random.bytes()).map_err(io::Error::other)?;
        let attributes = sealed(&key.attribute_key(), &format!("{{\"n\":\"{name}\"}}"))?;
        let key = link.wrap_folder_key(&key).to_text();
        return write!(
            out,
            "{{\"h\":\"{own}\",\"p\":\"{above}\",\"u\":\"AAAAAAAAAAA\",\"t\":1,\"a\":\"{attributes}\",\
             \"k\":\"{root}:{key}\",\"ts\":1700000000}}"
        );
    }
    let content = ContentKey::new(random.bytes(), random.bytes());
    let key = FileKey::new(&content, MetaMac(random.bytes())).map_err(io::Error::other)?;
    let print = base64::encode(&random.bytes::<21>());
    let json = format!("{{\"n\":\"{name}\",\"c\":\"{print}\"}}");
    let attributes = sealed(&key.attribute_key(), &json)?;
    let key = link.wrap_file_key(&key).to_text();
    let size = 1_000_000 + number % 1_000_000;
    write!(
        out,
        "{{\"h\":\"{own}\",\"p\":\"{above}\",\"u\":\"AAAAAAAAAAA\",\"t\":0,\"a\":\"{attributes}\",\
         \"k\":\"{root}:{key}\",\"s\":{size},\"ts\":1700000000}}"
    )
}

fn sealed(key: &AttributeKey, json: &str) -> io::Result<String> {
    let sealed = attributes::encrypt(key, json.as_bytes()).map_err(io::Error::other)?;
    Ok(base64::encode(&sealed))
}

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let [high, ..] = self.0.to_be_bytes();
            high
        })
    }
}
