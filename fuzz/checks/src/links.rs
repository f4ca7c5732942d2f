//! Links of every form.

use mega_crypto::link::{Link, LinkKey, LinkKind, PublicLink};

use crate::input::Input;

/// Reading a link, printing it, reading that; a key given apart from the link.
pub fn links(input: &[u8]) {
    let text = Input(input).text();
    match Link::parse(&text) {
        Ok(Link::Public(link)) => {
            let printed = Link::parse(&link.to_url()).expect("a link that was printed");
            let Link::Public(again) = printed else {
                panic!("it changed its form")
            };
            assert_eq!((again.kind(), again.handle()), (link.kind(), link.handle()));
            assert!(again.key() == link.key());
            // Without a key there is no place for what stands behind it.
            assert!(link.key().is_none() || again == link);
            match (link.key(), link.kind()) {
                (Some(LinkKey::File(_)), LinkKind::File)
                | (Some(LinkKey::Folder(_)), LinkKind::Folder)
                | (Some(LinkKey::Collection(_)), LinkKind::Collection)
                | (None, _) => {}
                _ => panic!("the key is of another kind than the link"),
            }
            assert!(link.file_key().is_err() || link.folder_key().is_err());
            assert!(
                !format!("{link:?}").contains('#'),
                "a key in the debug text"
            );
        }
        Ok(Link::Password(link)) => {
            let printed = Link::parse(&link.to_url()).expect("a link that was printed");
            assert!(matches!(printed, Link::Password(again) if again == link));
        }
        Ok(_) => panic!("a form of link this check does not know"),
        Err(error) => assert!(error.to_string().len() < 200, "no input in an error"),
    }

    for kind in [LinkKind::File, LinkKind::Folder, LinkKind::Collection] {
        let handle = "2c0i0att".parse().expect("a handle");
        if let Ok(link) = PublicLink::new(kind, handle).with_key_text(&text) {
            let again = Link::parse(&link.to_url());
            assert!(matches!(again, Ok(Link::Public(again)) if again == link));
        }
    }
}
