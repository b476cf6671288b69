"use strict";

// The reference, laid out by Redoc from the contract of this server.
const place = document.getElementById("reference");
const bar = document.querySelector("header.top");
Redoc.init(
  place.dataset.schema,
  {
    scrollYOffset: () => (getComputedStyle(bar).position === "sticky" ? bar.offsetHeight : 0),
    hideDownloadButton: true,
    jsonSampleExpandLevel: 3,
    nativeScrollbars: true,
    theme: {
      colors: { primary: { main: "#17615c" } },
      typography: { fontFamily: "inherit", headings: { fontFamily: "inherit" } },
      rightPanel: { backgroundColor: "#17302e" },
    },
  },
  place,
);
