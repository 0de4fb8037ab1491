//! What the tests and benches of this crate need. It is not part of the interface and may change at
//! any time.

pub use crate::{
    app::{Fleet, Monitor, PictureTarget},
    data::{
        alerts::AlertCondition,
        chart::{ChartLine, ChartStyle, ChartWindow, Reduction},
        connection_state::{ConnectionState, Obstacle},
        format::number,
        history::{CHUNK_SAMPLES, GapCause, LANE_MAIN, SampleSeries, SeriesGap, SeriesKind},
        incoming::IncomingItem,
        login::Login,
        long_history::{BarSum, LongBar},
        pane_windows::{PaneId, ScreenArea, WindowPlace},
        topics::{ChangeReference, PastHistory, Store, TOPICS_MAX},
    },
    files::{
        recording::RecordedScope,
        saved_state::{SavedState, ThemeChoice, ZoneChoice, write as write_saved_state},
    },
    net::{ConnectionThread, IncomingQueue, Requests, clock_ns},
    ui::{
        command::{Overlay, Placement, PlayerAction, UiCommand, ViewAction},
        theme::{ROW_HEIGHT, Theme},
    },
};
