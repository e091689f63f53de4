/* Keeps an open page true: refreshes it in place, lets its times grow older, and shows a banner when backup-glance doesn't answer.
   The page holds the time when it was made, by the server's clock; here only what has passed since then is measured. */
"use strict";
{
  const UNITS = [[31_536_000, "y"], [2_592_000, "mo"], [86_400, "d"], [3_600, "h"], [60, "m"]];
  const AGE = /^(in )?\d+(m|h|d|mo|y)$/;
  const BETTER_THAN_UNKNOWN = /^(is-)?(warning|late|running|new|ok|disabled)$/;
  const VERDICTS = ":is(.mark, .row, .part, .part-detail, .copy, .word, .vh):not(.calendar *, .runs *, .ran *)";

  const card = document.querySelector("main");
  const status = document.querySelector("[role=status]");
  const notice = document.querySelector("template").content.firstElementChild;
  let made = clocks();
  let failures = 0;
  let asking = false;
  let timer;

  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : refresh()));
  setInterval(tick, 10_000);
  schedule();

  function schedule() {
    clearTimeout(timer);
    const wait = failures ? Math.min(2500 * 2 ** failures, 60_000) : card.dataset.refresh * 1000;
    if (!document.hidden) timer = setTimeout(refresh, wait);
  }

  async function refresh() {
    if (asking) return;
    asking = true;
    const fresh = await ask();
    asking = false;
    failures = fresh ? 0 : failures + 1;
    schedule();
    if (fresh) show(fresh);
    tick();
  }

  /** The page as it is now, or null when nobody answers. Any other answer is for the reader to see. */
  async function ask() {
    try {
      const signal = AbortSignal.timeout(10_000);
      const answer = await fetch(location.href, { cache: "no-cache", redirect: "manual", signal });
      if (answer.status >= 500) return null;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (files(fresh) === files(document)) return fresh;
      location.reload();
    } catch {}
    return null;
  }

  /** The files that a page is made with: others after an update, none in somebody else's page. */
  function files(page) {
    return Array.from(page.querySelectorAll("head [href^=static], script"), (file) => file.outerHTML).join();
  }

  function show(fresh) {
    const opened = new Set(Array.from(card.querySelectorAll("details[open]"), nameOf));
    const focused = card.contains(document.activeElement) && nameOf(document.activeElement);
    const [before, then] = [headline().textContent, card.dataset.now];
    notice.remove();
    become(card, fresh.querySelector("main"));
    for (const details of card.querySelectorAll("details")) details.open = opened.has(nameOf(details));
    if (focused && nameOf(document.activeElement) !== focused) find(focused)?.focus({ preventScroll: true });
    document.title = fresh.title;
    if (card.dataset.now !== then) made = clocks();
    if (headline().textContent !== before) status.textContent = headline().textContent;
  }

  /** Changes only what differs, so that scroll position, focus and selection stay. */
  function become(old, fresh) {
    if (old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    for (const { name } of [...(old.attributes ?? [])]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes ?? []) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const [mine, others] = [[...old.childNodes], [...fresh.childNodes]];
    others.forEach((other, place) => (mine[place] ? become(mine[place], other) : old.append(other)));
    mine.slice(others.length).forEach((node) => node.remove());
  }

  /** What an element is called before and after: its row or its group, its place in there, where it leads. */
  function nameOf(element) {
    const row = element.closest(".row, .past-row")?.querySelector(".name").textContent;
    const group = element.closest("[data-group]")?.dataset.group;
    const place = element.parentElement?.closest("[class]")?.className;
    return [row ?? group, place, element.tagName, element.getAttribute("href")].join("\n");
  }

  function find(name) {
    return [...card.querySelectorAll("a, summary")].find((target) => nameOf(target) === name && target.checkVisibility());
  }

  function headline() {
    return card.querySelector("h1");
  }

  function tick() {
    card.querySelectorAll("time, .entry .result").forEach(age);
    if (failures > 1 || (failures && isOld())) tellSilence();
  }

  function age(element) {
    const distance = AGE.exec(element.textContent);
    if (!distance) return;
    const time = element.dateTime ? element : element.parentElement.querySelector("time");
    const passed = (Date.parse(card.dataset.now) - Date.parse(time.dateTime)) / 1000 + secondsSince();
    const words = !distance[1] ? duration(passed) : passed < 0 ? `in ${duration(-passed)}` : "now";
    if (words !== element.textContent) element.textContent = words;
  }

  function duration(seconds) {
    const [length, unit] = UNITS.find(([length]) => seconds >= length) ?? [60, "m"];
    return `${Math.max(Math.floor(seconds / length), 1)}${unit}`;
  }

  /** Only differences count. Of the two clocks the first may stand still while a device sleeps. */
  function clocks() {
    return [performance.now(), Date.now()];
  }

  function secondsSince() {
    const now = clocks();
    return Math.max(now[0] - made[0], now[1] - made[1]) / 1000;
  }

  function isOld() {
    return secondsSince() > card.dataset.goodFor;
  }

  function tellSilence() {
    const words = `backup-glance hasn't answered since ${card.dataset.clock}`;
    notice.querySelector("b").textContent = `${words}, ${duration(secondsSince())} ago.`;
    if (!notice.isConnected) status.textContent = words;
    if (!notice.isConnected) card.prepend(notice);
    if (isOld() && !card.classList.contains("stale")) markUnknown();
  }

  /** Nothing is known to be fine any more. Former runs and the calendar's marks are history, and stay. */
  function markUnknown() {
    card.classList.add("stale");
    headline().textContent = "Can't tell any more";
    card.querySelectorAll(".tally, .upkeep").forEach((summary) => summary.remove());
    for (const element of card.querySelectorAll(VERDICTS)) {
      const state = [...element.classList].find((name) => BETTER_THAN_UNKNOWN.test(name));
      if (state) element.classList.replace(state, "is-unknown");
      if (state && element.matches(".mark")) element.firstElementChild.setAttribute("href", "#unknown");
      if (BETTER_THAN_UNKNOWN.test(element.textContent)) element.textContent = "unknown";
    }
  }
}
