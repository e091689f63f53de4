/* Follows the theme of the Glance around this page, also when another one is picked, where both have the same origin. The
   numbers are Glance's; what follows from them only /theme.css knows. It runs in <head>, behind the link to theme.css and
   before anything is painted, so that the page is never seen in the wrong colours. */
"use strict";
{
  const glance = dashboard();
  let link = document.querySelector("link[href^='theme.css']");
  if (glance) {
    follow();
    const observer = new MutationObserver(follow);
    observer.observe(glance.documentElement, { attributeFilter: ["data-scheme", "data-theme"] });
    observer.observe(glance.head, { childList: true, characterData: true, subtree: true });
  }

  /** The document around this one, if it may be read and is Glance's. */
  function dashboard() {
    try {
      const around = parent.document;
      return parent !== window && getComputedStyle(around.documentElement).getPropertyValue("--bgh") ? around : null;
    } catch {
      return null; // another origin
    }
  }

  function follow() {
    const address = `theme.css?${picked()}`;
    if (link.getAttribute("href") !== address) exchange(address);
  }

  /** The present numbers as a query. What isn't written as Glance writes it stays as it is configured. */
  function picked() {
    const style = getComputedStyle(glance.documentElement);
    const read = (name) => style.getPropertyValue(name);
    const colours = {
      "light": String(glance.documentElement.dataset.scheme === "light"),
      "background-color": triple(`hsl(${read("--bgh")} ${read("--bgs")} ${read("--bgl")})`),
      "primary-color": triple(read("--color-primary")),
      "positive-color": triple(read("--color-positive")),
      "negative-color": triple(read("--color-negative")),
      "contrast-multiplier": number(read("--cm"), 10),
      "text-saturation-multiplier": number(read("--tsm"), 10),
    };
    return new URLSearchParams(Object.entries(colours).filter(([, text]) => text));
  }

  /** "240 8 9" from "hsl(240, 8%, 9%)". */
  function triple(colour) {
    const parts = /^\s*hsl/.test(colour) ? colour.match(/[\d.]+/g) ?? [] : [];
    return parts.length < 3 ? "" : [360, 100, 100].map((limit, place) => number(parts[place], limit)).join(" ");
  }

  function number(text, limit) {
    const value = parseFloat(text);
    return value >= 0 ? String(+Math.min(value, limit).toFixed(4)) : "";
  }

  /** The old colours stay until the new ones are there; while the page is still being built, nothing is painted till then. */
  function exchange(address) {
    const old = link;
    link = old.cloneNode();
    link.href = address;
    link.setAttribute("blocking", "render");
    link.onload = () => old.remove();
    old.after(link);
  }
}
