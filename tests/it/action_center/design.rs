//! The page of the design system in Chromium, compared with the pictures in `tests/data/design`. The comparison looks at
//! squares of the page and not at single pixels, so that another way to draw letters does not fail it; changes that are
//! planted prove that it can fail. After a change that is meant, copy the new pictures from `target/design`.

use std::path::{Path, PathBuf};

use clawback_model::{PrincipalKind, Role};
use clawback_tests::center::PASSWORD;
use clawback_tests::chromium::Chromium;
use serde_json::json;

use super::desk;
use super::served::Served;

/// The pictures: name, width, height, and whether it is dark.
const PICTURES: [(&str, u32, u32, bool); 3] =
    [("light", 1280, 2560, false), ("dark", 1280, 2560, true), ("phone", 390, 4000, false)];
/// The largest share of squares that may differ.
const MOST: f64 = 0.003;
/// Each must be seen: a button of another colour, a table without its lines, a hidden part, larger letters.
const PLANTED: [&str; 4] = [
    "for (const e of document.querySelectorAll('.pill')) e.style.background = e.style.color = 'black'",
    "document.querySelector('.pane').remove()",
    "document.documentElement.style.setProperty('--page', '#f0e0d0')",
    "document.documentElement.style.setProperty('--body', '16px')",
];

/// Reduces a picture to a quarter and compares it with another of that size: the share of squares of 8 pixels whose mean
/// colour differs by more than 8 of 255. Returns the reduced picture as well.
const COMPARE: &str = "
const [picture, known, done] = arguments;
const load = (text) => createImageBitmap(new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], { type: 'image/png' }));
const draw = (image, width, height) => {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.imageSmoothingQuality = 'high';
  context.drawImage(image, 0, 0, width, height);
  return [canvas, context.getImageData(0, 0, width, height).data];
};
const means = (data, width, height) => {
  const all = [];
  for (let top = 0; top + 8 <= height; top += 8) for (let left = 0; left + 8 <= width; left += 8) {
    const sum = [0, 0, 0];
    for (let y = top; y < top + 8; y++) for (let x = left; x < left + 8; x++)
      for (let c = 0; c < 3; c++) sum[c] += data[(y * width + x) * 4 + c];
    all.push(sum.map((one) => one / 64));
  }
  return all;
};
(async () => {
  const image = await load(picture);
  const [width, height] = [Math.round(image.width / 4), Math.round(image.height / 4)];
  const [canvas, data] = draw(image, width, height);
  const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: 'image/png' })).arrayBuffer());
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  let share = 1;
  if (known !== null) {
    const other = await load(known);
    if (other.width === width && other.height === height) {
      const [, was] = draw(other, width, height);
      const [one, two] = [means(data, width, height), means(was, width, height)];
      share = one.filter((mean, place) => mean.some((value, c) => Math.abs(value - two[place][c]) > 8)).length / one.length;
    }
  }
  done([btoa(text), share]);
})().catch((error) => done([String(error), 1]));
";

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("data/design/{name}.png"))
}

/// The reduced picture of what the browser shows, and how far it is from a known one.
async fn compared(browser: &Chromium, judge: &Chromium, known: Option<&str>) -> (Vec<u8>, f64) {
    let encode = |bytes: &[u8]| data_encoding::BASE64.encode(bytes);
    let picture = encode(&browser.client.screenshot().await.unwrap());
    let answer = judge.client.execute_async(COMPARE, vec![json!(picture), json!(known)]).await.unwrap();
    let reduced = answer[0].as_str().unwrap();
    let reduced = data_encoding::BASE64.decode(reduced.as_bytes()).unwrap_or_else(|_| panic!("{reduced}"));
    (reduced, answer[1].as_f64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn components_look_as_they_did() {
    let desk = desk().await;
    let _ = desk.center.add("eve", PrincipalKind::Person, &Role::ALL).await;
    desk.center.password("eve").await;
    let served = Served::start(&desk).await;
    let judge = Chromium::start(800, 600).await;
    judge.go("about:blank").await;
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/design");
    std::fs::create_dir_all(&target).unwrap();
    let mut wrong = Vec::new();
    for (name, width, height, dark) in PICTURES {
        let browser = Chromium::start_in(width, height, dark).await;
        let at = |page: &str| format!("http://{}{page}", served.address);
        browser.sign_in(&at(""), "eve", PASSWORD).await;
        let show = async || {
            browser.go(&at("/design")).await;
            browser.sees("Approve 3 remediations").await;
        };
        show().await;
        let known = std::fs::read(place(name)).ok().map(|bytes| data_encoding::BASE64.encode(&bytes));
        let (reduced, share) = compared(&browser, &judge, known.as_deref()).await;
        std::fs::write(target.join(format!("{name}.png")), reduced).unwrap();
        if share > MOST {
            wrong.push(format!("{name}: {:.1} % of its squares differ", share * 100.0));
            continue;
        }
        for planted in PLANTED {
            show().await;
            browser.run(planted).await;
            let (_, share) = compared(&browser, &judge, known.as_deref()).await;
            assert!(share > MOST, "{name}: it does not see {planted}: {:.2} %", share * 100.0);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}\nif that is meant, copy target/design/*.png to tests/data/design");
    served.stop().await;
}

#[tokio::test]
async fn only_administrators_see_the_components() {
    let desk = desk().await;
    desk.center.password("ann").await;
    let cookie = desk.center.sign_in("ann").await;
    let page = desk.center.page(&cookie, "/design").await;
    assert_eq!(page.status, 404, "{}", page.text);
    assert!(page.text.contains("aria-label=\"Sections\""), "a problem is shown with the navigation: {}", page.text);
    assert!(!page.text.contains("openapi.json") && !page.text.contains("href=\"/design\""), "{}", page.text);
}
