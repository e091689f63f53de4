// A page that asks backup-glance with fetch(). It holds no token: the Caddy that serves it adds one (see Caddyfile).
"use strict";

const BACKUP_GLANCE = "./backup-glance";

// What is shown: a title, a call of docs/proxy.md with the name of your source in front, and a text for each row.
const LISTS = [
  {
    title: "Datastores",
    path: "pbs/api2/json/status/datastore-usage",
    text: (row) => `${row.store}: ${Math.round((100 * row.used) / row.total)} % of ${(row.total / 1e12).toFixed(1)} TB`,
  },
  {
    title: "Backup jobs",
    path: "pve/api2/json/cluster/backup",
    text: (row) => `${row.comment ?? row.id}: next ${new Date(1000 * row["next-run"]).toISOString()}`,
  },
  {
    title: "Newest dumps",
    path: "databasement/api/v1/jobs?sort=-created_at&per_page=5",
    text: (row) => `${row.snapshot?.database_name}: ${row.status}`,
  },
];

async function ask(path) {
  const answer = await fetch(`${BACKUP_GLANCE}/${path}`);
  const document = await answer.json();
  // Errors are problem documents: "detail" says what is wrong.
  if (!answer.ok) throw new Error(document.detail);
  return document;
}

function add(parent, name, text) {
  const element = document.createElement(name);
  // textContent, never innerHTML: names come from others.
  element.textContent = text;
  parent.append(element);
  return element;
}

async function show({ title, path, text }) {
  const section = add(document.getElementById("lists"), "section", "");
  add(section, "h2", title);
  try {
    const list = add(section, "ul", "");
    for (const row of (await ask(`proxy/${path}`)).data) add(list, "li", text(row));
  } catch (error) {
    add(section, "p", error.message);
  }
}

async function headline() {
  try {
    return (await ask("api/v1/status")).overall.headline;
  } catch (error) {
    return error.message;
  }
}

for (const list of LISTS) show(list);
headline().then((text) => (document.getElementById("headline").textContent = text));
