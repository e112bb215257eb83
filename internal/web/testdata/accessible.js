// Looks a page over for what keeps people from using it.
(() => {
  const faults = new Set();
  const shown = (e) => e.getClientRects().length > 0 && getComputedStyle(e).visibility !== "hidden";
  const at = (e) => e.tagName.toLowerCase() + (e.className && e.className.baseVal === undefined ? "." + e.className.trim().replace(/\s+/g, ".") : "") + " “" + (e.textContent || "").trim().slice(0, 30) + "”";
  const name = (e) => (e.getAttribute("aria-label") || e.innerText || e.textContent || [...e.querySelectorAll("img")].map((i) => i.alt).join("") || "").trim();
  const say = (what, e) => faults.add(what + (e ? ": " + at(e) : ""));

  if (!document.documentElement.lang) say("the page has no language");
  if (!document.title.trim()) say("the page has no title");
  if (document.querySelectorAll("h1").length !== 1) say("the page has " + document.querySelectorAll("h1").length + " first headings");
  if (document.querySelectorAll("main").length !== 1) say("the page has no main part, or several");
  const navs = [...document.querySelectorAll("nav")].map((n) => n.getAttribute("aria-label"));
  if (navs.some((n) => !n) || new Set(navs).size !== navs.length) say("navigations are not told apart by name");
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) say("the id " + id + " is there twice");

  let level = 0;
  for (const h of document.querySelectorAll("h1,h2,h3,h4")) {
    if (+h.tagName[1] > level + 1) say("a heading skips a level", h);
    level = +h.tagName[1];
  }
  for (const e of document.querySelectorAll("a[href],button,summary")) if (!name(e)) say("it has no name", e);
  for (const e of document.querySelectorAll("input:not([type=hidden]),select,textarea"))
    if (!(e.labels && e.labels.length && [...e.labels].some((l) => l.innerText.trim() || l.textContent.trim())) && !e.getAttribute("aria-label")) say("a field has no label", e);
  for (const e of document.querySelectorAll("img:not([alt])")) say("a picture has no text", e);
  for (const e of document.querySelectorAll("svg")) if (e.getAttribute("aria-hidden") !== "true" && !(e.getAttribute("role") === "img" && e.getAttribute("aria-label"))) say("a chart has no text, and is not hidden", e);
  for (const e of document.querySelectorAll("table th:not([scope])")) say("a head of a table does not say of what", e);
  for (const e of document.querySelectorAll("progress")) if (!e.textContent.trim()) say("a bar says nothing", e);
  for (const e of document.querySelectorAll("button,summary,nav a,select,input:not([type=hidden]):not([type=checkbox])"))
    if (shown(e) && (e.getBoundingClientRect().height < 24)) say("it is too small to hit, " + e.getBoundingClientRect().height + " high", e);

  const rgb = (text) => {
    const n = text.match(/[\d.]+/g).map(Number);
    return { r: n[0], g: n[1], b: n[2], a: n.length > 3 ? n[3] : 1 };
  };
  const bright = ({ r, g, b }) => {
    const part = (v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c.a === 1) return c;
    }
    return { r: 255, g: 255, b: 255 };
  };
  for (const e of document.querySelectorAll("body *")) {
    if (!shown(e) || e.closest("svg") || ![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    const style = getComputedStyle(e);
    let opaque = 1;
    for (let p = e; p; p = p.parentElement) opaque *= +getComputedStyle(p).opacity;
    const under = ground(e), ink = rgb(style.color);
    for (const k of ["r", "g", "b"]) ink[k] = ink[k] * opaque + under[k] * (1 - opaque);
    const [low, high] = [bright(ink), bright(under)].sort((a, b) => a - b);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && +style.fontWeight >= 700);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < (large ? 3 : 4.5)) say("its contrast is " + ratio.toFixed(2), e);
  }
  for (const e of document.querySelectorAll("[tabindex]")) if (e.tabIndex > 0) say("it takes the keyboard out of order", e);
  const apart = (e, text, what) => {
    const under = bright(ground(e)), over = bright(rgb(text));
    const ratio = (Math.max(under, over) + 0.05) / (Math.min(under, over) + 0.05);
    if (ratio < 3) say("the " + what + " is hard to see: " + ratio.toFixed(2), e);
  };
  for (const e of document.querySelectorAll("svg rect, svg polyline")) {
    const style = getComputedStyle(e);
    apart(e.closest("svg"), style.fill === "none" ? style.stroke : style.fill, "chart " + (e.getAttribute("class") || ""));
  }
  for (const e of document.querySelectorAll(".phases .done, .phases .now")) apart(e, getComputedStyle(e).borderTopColor, "phase");
  for (const e of document.querySelectorAll("input:not([type=hidden]), select")) if (shown(e)) apart(e.parentElement, getComputedStyle(e).borderTopColor, "edge of a field");
  return [...faults].join("\n");
})();
