//! Public links, made and opened.

use mega_client::ErrorKind;

use crate::place::{Place, names};

#[tokio::test]
async fn sh_1_a_file_link_opens_without_an_account_until_it_is_removed() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    mega.write("/doc.txt", "for everyone").await.unwrap();
    let link = mega.link("/doc.txt").await.unwrap();
    let again = mega.link("/doc.txt").await.unwrap();
    assert_eq!(link.url(), again.url(), "asking twice gives the same link");
    assert!(mega.stat("/doc.txt").await.unwrap().link().is_some());

    let visitor = place.builder().open_link(link.url()).await.unwrap();
    assert_eq!(names(&visitor, "/").await, ["doc.txt"]);
    assert_eq!(visitor.read("/doc.txt").await.unwrap(), "for everyone");
    let error = visitor.create_dir("/x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");

    mega.remove_link("/doc.txt").await.unwrap();
    let error = place.builder().open_link(link.url()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn sh_2_a_wrong_key_is_a_key_error_and_bad_texts_are_no_links() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    mega.write("/doc.txt", "secret").await.unwrap();
    let url = mega.link("/doc.txt").await.unwrap().url().to_owned();
    let (head, _) = url.split_once('#').unwrap();
    let wrong = format!("{head}#{}", "B".repeat(43));
    let error = place.builder().open_link(&wrong).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key, "{error}");
    for text in ["", "https://mega.nz/", head, "https://mega.nz/file/short#x"] {
        let error = place.builder().open_link(text).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidLink, "{text}: {error}");
        assert!(
            text.is_empty() || !error.to_string().contains(text),
            "SEC-5: {error}"
        );
    }
}

#[tokio::test]
async fn sh_3_a_password_is_checked_before_anything_is_sent() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    mega.write("/doc.txt", "behind a door").await.unwrap();
    let locked = mega
        .link("/doc.txt")
        .await
        .unwrap()
        .with_password("open sesame")
        .unwrap();

    let before = place.answered();
    let error = place
        .builder()
        .open_link(&locked)
        .password("open says me")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key);
    let error = place.builder().open_link(&locked).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidLink);
    assert_eq!(place.answered(), before, "nothing was sent");

    let visitor = place
        .builder()
        .open_link(&locked)
        .password("open sesame")
        .await
        .unwrap();
    assert_eq!(visitor.read("/doc.txt").await.unwrap(), "behind a door");
}
