//! Panes in real windows of their own.

use std::collections::HashMap;

use image::RgbaImage;
use x11rb::{
    connection::Connection,
    protocol::{
        xproto::{
            AtomEnum, ClientMessageEvent, ConfigureWindowAux, ConnectionExt, EventMask,
            ImageFormat, InputFocus, MapState, Window,
        },
        xtest::ConnectionExt as _,
    },
    rust_connection::RustConnection,
};

use super::{Display, Program, differing, line_pixels, program, server, wait_for};

const BTC: &str = "market/BTC-USDT/trade";

/// The key of the letter w (X11/keysymdef.h).
const KEY_W: u32 = 0x77;

/// Types of events (X11/X.h).
const KEY_PRESS: u8 = 2;
const KEY_RELEASE: u8 = 3;

/// Every bit of a pixel.
const ALL_PLANES: u32 = !0;

/// A line across half a chart has hundreds of pixels.
const LINE_PIXELS: usize = 200;

/// A display, as a window manager and a person see it.
struct Desk {
    x: RustConnection,
    root: Window,
}

impl Desk {
    fn new(display: &Display) -> Self {
        let (x, number) = x11rb::connect(Some(&display.name)).unwrap();
        let root = x.setup().roots[number].root;
        Self { x, root }
    }

    fn atom(&self, name: &str) -> u32 {
        let cookie = self.x.intern_atom(false, name.as_bytes()).unwrap();
        cookie.reply().unwrap().atom
    }

    /// The windows that can be seen, by their titles.
    fn windows(&self) -> HashMap<String, Window> {
        let tree = self.x.query_tree(self.root).unwrap().reply().unwrap();
        let title = self.atom("_NET_WM_NAME");
        let seen = tree.children.into_iter().filter_map(|window| {
            // A window may have been closed since it was listed.
            let attributes = self.x.get_window_attributes(window).unwrap();
            let is_seen = attributes.reply().ok()?.map_state == MapState::VIEWABLE;
            let name = self
                .x
                .get_property(false, window, title, AtomEnum::ANY, 0, 64);
            let name = String::from_utf8(name.unwrap().reply().ok()?.value).unwrap();
            (is_seen && name.contains("Tickcast")).then_some((name, window))
        });
        seen.collect()
    }

    /// Waits until exactly the windows with these titles are seen.
    #[track_caller]
    fn wait_for_windows(&self, titles: &[&str]) -> Vec<Window> {
        wait_for(&format!("windows {titles:?}"), || {
            let windows = self.windows();
            let found: Option<Vec<Window>> = titles
                .iter()
                .map(|&title| windows.get(title).copied())
                .collect();
            found.filter(|_| windows.len() == titles.len())
        })
    }

    /// Presses and releases the key of a letter in a window.
    fn press(&self, window: Window, letter: u32) {
        let focus = InputFocus::PARENT;
        self.x
            .set_input_focus(focus, window, x11rb::CURRENT_TIME)
            .unwrap();
        let (first, last) = (self.x.setup().min_keycode, self.x.setup().max_keycode);
        let keys = self
            .x
            .get_keyboard_mapping(first, last - first + 1)
            .unwrap();
        let keys = keys.reply().unwrap();
        let row = usize::from(keys.keysyms_per_keycode);
        let at = keys.keysyms.chunks(row).position(|key| key[0] == letter);
        let code = first + u8::try_from(at.unwrap()).unwrap();
        for event in [KEY_PRESS, KEY_RELEASE] {
            let fake = self.x.xtest_fake_input(event, code, 0, self.root, 0, 0, 0);
            fake.unwrap().check().unwrap();
        }
    }

    /// Moves a window, as a window manager does.
    fn place(&self, window: Window, left: i32, top: i32, width: u32, height: u32) {
        let to = ConfigureWindowAux::new()
            .x(left)
            .y(top)
            .width(width)
            .height(height);
        self.x
            .configure_window(window, &to)
            .unwrap()
            .check()
            .unwrap();
    }

    /// Left and top edge, width and height of a window.
    fn geometry(&self, window: Window) -> (i16, i16, u16, u16) {
        let found = self.x.get_geometry(window).unwrap().reply().unwrap();
        (found.x, found.y, found.width, found.height)
    }

    /// Asks a window to close, as its cross does.
    fn close(&self, window: Window) {
        let (protocols, delete) = (self.atom("WM_PROTOCOLS"), self.atom("WM_DELETE_WINDOW"));
        let event = ClientMessageEvent::new(32, window, protocols, [delete, 0, 0, 0, 0]);
        let sent = self.x.send_event(false, window, EventMask::NO_EVENT, event);
        sent.unwrap().check().unwrap();
    }

    /// What is seen of a window that lies above all others.
    fn picture(&self, window: Window) -> RgbaImage {
        let (_, _, width, height) = self.geometry(window);
        let format = ImageFormat::Z_PIXMAP;
        let image = self
            .x
            .get_image(format, window, 0, 0, width, height, ALL_PLANES);
        let pixels = image.unwrap().reply().unwrap().data;
        let pixels = pixels
            .chunks(4)
            .flat_map(|pixel| [pixel[2], pixel[1], pixel[0], 255]);
        RgbaImage::from_raw(width.into(), height.into(), pixels.collect()).unwrap()
    }

    /// Waits until a window shows the line of a chart that moves.
    #[track_caller]
    fn wait_for_line(&self, window: Window, what: &str) {
        let mut before: Option<RgbaImage> = None;
        wait_for(what, || {
            let now = self.picture(window);
            let moved = before.as_ref().is_some_and(|before| {
                before.dimensions() == now.dimensions() && differing(before, &now) > LINE_PIXELS
            });
            let is_drawn = line_pixels(&now) > LINE_PIXELS;
            before = Some(now);
            (is_drawn && moved).then_some(())
        });
    }
}

#[test]
fn a_pane_has_a_second_window_that_is_there_again_after_a_restart() {
    let display = Display::start("2400x1000");
    let desk = Desk::new(&display);
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.json");
    let server = server();
    let url = format!("ws://{}/ws", server.address());
    let own = format!("{BTC} · Tickcast");
    let both = ["Tickcast", own.as_str()];
    let start = |arguments: &[&str]| {
        let command = &mut program(&display, folder.path(), arguments);
        Program(command.spawn().unwrap())
    };
    let ended = |mut program: Program| {
        let status = wait_for("the end of the program", || program.0.try_wait().unwrap());
        assert!(status.success(), "{status}");
        let text = std::fs::read_to_string(&settings).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };

    // A key takes the chart out.
    let charts = ["--chart", BTC, "--chart", "plant/line-1/pressure"];
    let running = start(&[["--url", &url].as_slice(), &charts].concat());
    let main = desk.wait_for_windows(&["Tickcast"])[0];
    desk.wait_for_line(main, "the chart in the main window");
    desk.press(main, KEY_W);
    let window = desk.wait_for_windows(&both)[1];
    desk.place(window, 1300, 120, 900, 640);
    desk.wait_for_line(window, "the chart in its window");
    desk.wait_for_line(main, "the other chart in the main window");
    desk.close(main);
    let saved = ended(running);
    let place = &saved["workspace"]["windows"][0]["place"];
    assert_eq!(place["position"], serde_json::json!([1300.0, 120.0]));
    assert_eq!(place["size"], serde_json::json!([900.0, 640.0]));

    // After a restart it is there again; closing it puts the pane back.
    let running = start(&["--url", &url]);
    let [main, window] = desk.wait_for_windows(&both)[..] else {
        unreachable!("two titles");
    };
    wait_for("the saved place", || {
        (desk.geometry(window) == (1300, 120, 900, 640)).then_some(())
    });
    desk.wait_for_line(window, "the chart in its window");
    desk.close(window);
    desk.wait_for_windows(&["Tickcast"]);
    desk.wait_for_line(main, "both charts in the main window");
    desk.close(main);
    let mut saved = ended(running);
    assert!(saved["workspace"]["windows"].is_null(), "{saved}");

    // A screen is gone: the window comes to the one that is left.
    let tiles = saved["workspace"]["tree"]["tiles"]["tiles"]
        .as_object()
        .unwrap();
    let is_btc = |tile: &serde_json::Value| tile["Pane"]["chart"]["topics"][0] == BTC;
    let pane = tiles.iter().find(|(_, tile)| is_btc(tile)).unwrap().0;
    let pane: u64 = pane.parse().unwrap();
    saved["workspace"]["windows"] = serde_json::json!([
        {"pane": pane, "place": {"position": [5000.0, 300.0], "size": [900.0, 640.0]}}
    ]);
    std::fs::write(&settings, saved.to_string()).unwrap();
    let running = start(&["--url", &url]);
    let [main, window] = desk.wait_for_windows(&both)[..] else {
        unreachable!("two titles");
    };
    wait_for("a place in the middle of the screen", || {
        (desk.geometry(window) == (750, 180, 900, 640)).then_some(())
    });
    desk.close(main);
    ended(running);
}
