// Runs inside the extension host, beside our extension, and sees what only the API shows. One result a check
// goes to host-results.json in the workspace, the last line when all are done.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const vscode = require("vscode");

const ID = "oasis-code-search.oasis-code-search";
/** A check that waits for ever fails alone. */
const CHECK_MS = 90_000;
/** Where this extension may keep files; that of ours lies beside it. */
let storage;
const checks = {
  async "the extension is active and has told of every command that it contributes"() {
    const extension = vscode.extensions.getExtension(ID);
    assert.ok(extension, `${ID} is not installed`);
    await until(() => extension.isActive);
    const known = new Set(await vscode.commands.getCommands(true));
    for (const { command } of extension.packageJSON.contributes.commands) {
      assert.ok(known.has(command), `${command} is not registered`);
    }
    assert.ok(known.has("oasis.ui.open"));
  },

  async "it runs where the files are and knows what it cannot do"() {
    const { packageJSON } = vscode.extensions.getExtension(ID);
    assert.deepEqual(packageJSON.extensionKind, ["workspace"]);
    assert.equal(packageJSON.capabilities.virtualWorkspaces.supported, false);
    assert.equal(packageJSON.capabilities.untrustedWorkspaces.supported, "limited");
  },

  async "every setting has its declared default"() {
    const { properties } = vscode.extensions.getExtension(ID).packageJSON.contributes.configuration;
    for (const [name, property] of Object.entries(properties)) {
      assert.deepEqual(vscode.workspace.getConfiguration().inspect(name)?.defaultValue, property.default, name);
    }
    assert.equal(vscode.workspace.getConfiguration("oasis").get("search.model"), "static");
    assert.equal(vscode.workspace.getConfiguration("oasis").get("editor.lenses"), false);
  },

  async "symbols of the workspace come from the server once it runs"() {
    void vscode.commands.executeCommand("oasis.ui.restart"); // a command is consent
    await until(async () => {
      const found = await vscode.commands.executeCommand("vscode.executeWorkspaceSymbolProvider", "call_with_backoff");
      return found?.some((symbol) => symbol.name.includes("call_with_backoff"));
    });
  },

  async "code actions of a selection offer similar code and a search"() {
    const document = await open("net/retry.py");
    const selection = new vscode.Range(5, 0, 15, 0);
    const actions = await vscode.commands.executeCommand("vscode.executeCodeActionProvider", document.uri, selection);
    const titles = actions.map((action) => action.title);
    assert.ok(titles.some((title) => /similar/i.test(title)), String(titles));
    assert.ok(titles.some((title) => /search/i.test(title)), String(titles));
  },

  async "an edit that is not saved is found, and settings count without a restart"() {
    const document = await open("billing/invoice.py");
    const edit = new vscode.WorkspaceEdit();
    edit.insert(document.uri, new vscode.Position(0, 0), "def freight_of_parcels(weights):\n    return sum(weights)\n\n\n");
    assert.ok(await vscode.workspace.applyEdit(edit));
    assert.ok(document.isDirty);
    await until(async () => {
      const found = await vscode.commands.executeCommand("vscode.executeWorkspaceSymbolProvider", "freight_of_parcels");
      return found?.some((symbol) => symbol.name.includes("freight_of_parcels"));
    });
    await vscode.workspace.getConfiguration("oasis").update("editor.lenses", true, vscode.ConfigurationTarget.Workspace);
    const retry = await open("net/retry.py");
    await until(async () => {
      const lenses = await vscode.commands.executeCommand("vscode.executeCodeLensProvider", retry.uri, 10);
      return lenses?.some((lens) => /similar/.test(lens.command?.title ?? ""));
    });
  },

  async "pause, resume and indexing anew are taken while it runs"() {
    await vscode.commands.executeCommand("oasis.ui.pause");
    await vscode.commands.executeCommand("oasis.ui.resume");
    await vscode.commands.executeCommand("oasis.ui.reindex");
    await until(async () => {
      const found = await vscode.commands.executeCommand("vscode.executeWorkspaceSymbolProvider", "haversine");
      return found?.some((symbol) => symbol.name.includes("haversine"));
    });
  },

  async "the user's own settings.toml counts where the editor sets nothing, and again when it no longer does"() {
    const hits = async () => (await vscode.commands.executeCommand("oasis.search", { query: "retry with delays" })).hits.length;
    const setLimit = (limit) =>
      vscode.workspace.getConfiguration("oasis").update("search.limit", limit, vscode.ConfigurationTarget.Workspace);
    assert.equal(await hits(), 1);
    await setLimit(3);
    await until(async () => (await hits()) === 3);
    await setLimit(undefined);
    await until(async () => (await hits()) === 1);
  },

  async "questions while a server that ended is started again wait for it, and there is never a second one"() {
    const before = starts();
    fs.writeFileSync(beside("slow"), "");
    process.kill(before.at(-1), "SIGKILL");
    await until(() => starts().length > before.length); // and it sleeps before it answers
    await vscode.commands.executeCommand("oasis.ui.pause");
    await vscode.commands.executeCommand("oasis.ui.resume");
    fs.rmSync(beside("slow"));
    await until(async () => (await vscode.commands.executeCommand("oasis.search", { query: "delays" })).hits.length);
    assert.equal(starts().length, before.length + 1);
  },

  async "a server that is asked to stop while it starts does not go on"() {
    const before = starts();
    fs.writeFileSync(beside("slow"), "");
    const restarting = vscode.commands.executeCommand("oasis.ui.restart");
    await until(() => starts().length > before.length);
    await vscode.commands.executeCommand("oasis.ui.stop");
    fs.rmSync(beside("slow"));
    await restarting;
    await until(() => !starts().some(isAlive));
    assert.equal(starts().length, before.length + 1);
    await vscode.commands.executeCommand("oasis.ui.restart");
  },

  async "a server that no longer answers is replaced by a restart"() {
    const before = starts();
    process.kill(before.at(-1), "SIGSTOP");
    await vscode.commands.executeCommand("oasis.ui.restart");
    assert.equal(starts().length, before.length + 1);
    await until(() => starts().filter(isAlive).length === 1);
  },

  async "stopping leaves this workspace alone"() {
    await vscode.commands.executeCommand("oasis.ui.stop");
    const found = await vscode.commands.executeCommand("vscode.executeWorkspaceSymbolProvider", "haversine");
    assert.equal(found?.some((symbol) => symbol.name.includes("haversine")) ?? false, false);
  },

  async "a chosen model is set where the value that rules stands"() {
    const own = () => vscode.workspace.getConfiguration("oasis").inspect("search.model");
    const choose = async () => {
      let isChosen = false;
      const choosing = vscode.commands.executeCommand("oasis.ui.chooseModel").then(() => (isChosen = true));
      await until(async () => {
        await vscode.commands.executeCommand("workbench.action.acceptSelectedQuickOpenItem"); // the first, static
        return isChosen;
      });
      await choosing;
    };
    const set = (value, target) => vscode.workspace.getConfiguration("oasis").update("search.model", value, target);
    await set("mini", vscode.ConfigurationTarget.Workspace);
    await choose();
    assert.deepEqual([own().workspaceValue, own().globalValue], ["static", undefined]);
    await set(undefined, vscode.ConfigurationTarget.Workspace);
    await choose();
    assert.deepEqual([own().workspaceValue, own().globalValue], [undefined, "static"]);
    await set(undefined, vscode.ConfigurationTarget.Global);
  },

  async "a private environment that works is kept when another one cannot be made"() {
    const folder = path.join(storage, "..", ID, "environment");
    const isThere = (name) => fs.existsSync(path.join(folder, name));
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, "complete"), "");
    fs.writeFileSync(path.join(folder, "kept"), "");
    const configuration = vscode.workspace.getConfiguration("oasis");
    await configuration.update("server.package", "/nowhere/at/all", vscode.ConfigurationTarget.Global);
    void vscode.commands.executeCommand("oasis.ui.repairEnvironment");
    await until(() => !isThere("kept"));
    await until(() => isThere("kept"));
    assert.ok(isThere("complete"));
    await configuration.update("server.package", undefined, vscode.ConfigurationTarget.Global);
    await vscode.commands.executeCommand("oasis.ui.removeEnvironment");
    assert.ok(!fs.existsSync(folder));
  },
};

function beside(name) {
  const [folder] = vscode.workspace.workspaceFolders;
  return path.join(folder.uri.fsPath, "..", name);
}

/** The process of every server that was started, by its number. */
function starts() {
  return fs.readFileSync(beside("starts"), "utf8").trim().split("\n").map(Number);
}

function isAlive(number) {
  try {
    // What ended and was not waited for yet has no command line.
    return fs.readFileSync(`/proc/${number}/cmdline`).length > 0;
  } catch {
    return false;
  }
}

async function open(relative) {
  const [folder] = vscode.workspace.workspaceFolders;
  const document = await vscode.workspace.openTextDocument(vscode.Uri.joinPath(folder.uri, relative));
  await vscode.window.showTextDocument(document);
  return document;
}

async function until(condition, timeout = 60_000) {
  const end = Date.now() + timeout;
  while (!(await condition())) {
    assert.ok(Date.now() < end, `not so within ${timeout / 1000} s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function activate(context) {
  storage = context.globalStorageUri.fsPath;
  const results = {};
  for (const [name, check] of Object.entries(checks)) {
    try {
      const end = new Promise((_, reject) => setTimeout(reject, CHECK_MS, new Error("it came to no end")));
      await Promise.race([check(), end]);
      results[name] = "passed";
    } catch (error) {
      results[name] = String(error?.stack ?? error);
    }
  }
  const file = beside("host-results.json");
  fs.writeFileSync(`${file}.part`, JSON.stringify(results));
  fs.renameSync(`${file}.part`, file);
}

module.exports = { activate: (context) => void activate(context), checks };
