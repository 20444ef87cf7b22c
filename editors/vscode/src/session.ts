// One language client for the window: started with consent, told of settings, restarted a few times, then quiet.
// Whoever wants the server joins the start that is under way, whatever began it: there is never a second server.
import * as vscode from "vscode";
import {
  CloseAction, ErrorAction, LanguageClient, LanguageClientOptions, State,
} from "vscode-languageclient/node";
import { findServer } from "./environment";
import { FolderStatus, SEARCH, SEARCH_STREAM, SearchStream, STATUS_CHANGED } from "./protocol";
import { SECTION, settingsThatAreSet } from "./settings";

/** So many ends of the server within `ENDS_WITHIN_MS`, and it is left alone. */
const MAX_ENDS = 5;
const ENDS_WITHIN_MS = 3 * 60_000;
/** A server that does not end by then is left to end by itself, so that another can be started. */
const STOP_PATIENCE_MS = 5_000;
const CONSENT = "oasis.consent";

export class Session implements vscode.Disposable {
  private client: LanguageClient | undefined;
  private starting: Promise<LanguageClient | undefined> | undefined;
  /** How often it was stopped; a start that was under way then comes to nothing. */
  private stops = 0;
  private ends: number[] = [];
  /** Why there is no server, once somebody was told; until an explicit command nothing is tried again. */
  private blocked: string | undefined;
  /** What was said of folders, so that nothing is said twice. */
  private readonly told = new Set<string>();
  private readonly statusEmitter = new vscode.EventEmitter<FolderStatus>();
  private readonly streamEmitter = new vscode.EventEmitter<SearchStream>();
  private readonly stateEmitter = new vscode.EventEmitter<string>();
  readonly onStatus = this.statusEmitter.event;
  readonly onStream = this.streamEmitter.event;
  /** A word for what the server does: `stopped`, `starting`, `running`, `missing`, `failed`. */
  readonly onState = this.stateEmitter.event;

  constructor(
    private readonly context: vscode.ExtensionContext,
    readonly log: vscode.LogOutputChannel,
    private readonly show: Record<string, (argument: unknown) => void>,
  ) {}

  get hasConsent(): boolean | undefined {
    return this.context.workspaceState.get<boolean>(CONSENT);
  }

  async setConsent(value: boolean): Promise<void> {
    await this.context.workspaceState.update(CONSENT, value);
  }

  /** Why no question can be answered, for a person; undefined when it can or was not tried yet. */
  get obstacle(): string | undefined {
    return this.blocked;
  }

  /**
   * The running client; asking for it is consent, as somebody wants an answer. Undefined after a message.
   * A command tries again what failed; what comes by itself, such as typing, goes through `ask` and does not.
   */
  async running(): Promise<LanguageClient | undefined> {
    if (this.live) {
      return this.live;
    }
    if (!vscode.workspace.workspaceFolders?.some((folder) => folder.uri.scheme === "file")) {
      void vscode.window.showInformationMessage("OASIS searches folders on disk: open one first.");
      return undefined;
    }
    await this.setConsent(true);
    return this.live ?? this.started();
  }

  private get live(): LanguageClient | undefined {
    return this.client?.state === State.Running ? this.client : undefined;
  }

  private started(): Promise<LanguageClient | undefined> {
    if (!this.starting) {
      const mine = this.start().finally(() => {
        if (this.starting === mine) {
          this.starting = undefined;
        }
      });
      this.starting = mine;
    }
    return this.starting;
  }

  /** The answer to a request; undefined when it was cancelled, or after a message when it failed. */
  async ask<T>(method: string, params: object, token?: vscode.CancellationToken): Promise<T | undefined> {
    const client = this.blocked ? undefined : await this.running();
    if (!client || token?.isCancellationRequested) {
      return undefined;
    }
    try {
      // An undefined token would count as a second parameter, and the parameters would travel as a list.
      return await (token ? client.sendRequest<T>(method, params, token) : client.sendRequest<T>(method, params));
    } catch (error) {
      this.log.error(`${method}: ${error}`);
      // The end of the server is told of once, and not for every question that it left open.
      if (!token?.isCancellationRequested && client.state === State.Running) {
        void vscode.window.showWarningMessage(`OASIS: ${error instanceof Error ? error.message : error}`);
      }
      return undefined;
    }
  }

  async command(name: string): Promise<void> {
    const client = await this.running();
    await client?.sendRequest("workspace/executeCommand", { command: name, arguments: [] });
  }

  offers(method: string): boolean {
    const experimental = this.client?.initializeResult?.capabilities.experimental as
      | { oasis?: { methods?: string[] } } | undefined;
    return experimental?.oasis?.methods?.includes(method) ?? false;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.running();
  }

  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    this.starting = undefined;
    this.stops += 1;
    this.ends = [];
    this.blocked = undefined;
    this.told.clear();
    this.stateEmitter.fire("stopped");
    if (client) {
      await this.end(client);
    }
  }

  /** Ends a server, for some seconds at most and without an error: it may be what does not answer any more. */
  private async end(client: LanguageClient): Promise<void> {
    const ended = (async () => {
      if (client.state === State.Starting) {
        await client.start(); // which is under way, and cannot be stopped before
      }
      await client.stop();
    })().catch((error) => this.log.warn(`The server did not stop as asked: ${error}`));
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, STOP_PATIENCE_MS))]);
  }

  dispose(): void {
    void this.stop();
    this.statusEmitter.dispose();
    this.streamEmitter.dispose();
    this.stateEmitter.dispose();
  }

  private async start(): Promise<LanguageClient | undefined> {
    const { stops } = this;
    this.blocked = undefined;
    this.stateEmitter.fire("starting");
    const { server, refused } = await findServer(this.context);
    if (stops !== this.stops) {
      return undefined;
    }
    if (!server) {
      this.missing(refused);
      return undefined;
    }
    this.log.info(`Server: ${[server.command, ...server.args].join(" ")} (from ${server.origin})`);
    const client: LanguageClient = new LanguageClient(
      "oasis", "OASIS", { command: server.command, args: server.args }, this.options(() => this.ended(client)),
    );
    client.onNotification(STATUS_CHANGED, (status: FolderStatus) => {
      this.statusEmitter.fire(status);
      this.tellOfFolder(status);
    });
    client.onNotification(SEARCH_STREAM, (stream: SearchStream) => this.streamEmitter.fire(stream));
    this.client = client;
    try {
      await client.start();
    } catch (error) {
      this.log.error(String(error));
    }
    if (this.client !== client) {
      return undefined; // it was stopped meanwhile
    }
    if (client.state !== State.Running) {
      this.fail(`The server did not start (${server.command}, from ${server.origin}).`);
      return undefined;
    }
    if (!this.offers(SEARCH)) {
      const version = client.initializeResult?.serverInfo?.version ?? "unknown";
      this.fail(
        `The server of ${server.origin} (version ${version}) cannot be used by this extension: it offers no ` +
          `${SEARCH}. Update it: pip install --upgrade oasis-code-search.`,
      );
      this.client = undefined;
      await this.end(client);
      return undefined;
    }
    this.stateEmitter.fire("running");
    return client;
  }

  /**
   * Starts the server again that ended by itself. The language client would do so too, but apart from `starting`:
   * a question that came meanwhile would start another one.
   */
  private ended(client: LanguageClient): void {
    if (this.client !== client || this.starting) {
      return; // it is no longer wanted, or it ended while it started, which its start notices
    }
    this.client = undefined;
    const now = performance.now();
    this.ends = [...this.ends.filter((end) => now - end < ENDS_WITHIN_MS), now];
    if (this.ends.length < MAX_ENDS) {
      void this.started();
    } else {
      this.fail(`The server ended ${this.ends.length} times and is left alone now.`);
    }
  }

  private options(ended: () => void): LanguageClientOptions {
    return {
      documentSelector: [{ scheme: "file" }, { scheme: "untitled" }],
      outputChannel: this.log,
      initializationFailedHandler: () => false,
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue }),
        closed: () => {
          ended();
          return { action: CloseAction.DoNotRestart, handled: true, message: "The server ended." };
        },
      },
      middleware: {
        executeCommand: async (command, args, next) => {
          const own = this.show[command];
          return own ? own(args[0]) : next(command, args);
        },
        workspace: {
          // The server asks whenever it is told of a change; what would be told along holds every default.
          didChangeConfiguration: (_, next) => next(undefined),
          configuration: ({ items }) => items.map(({ section, scopeUri }) =>
            section === SECTION ? settingsThatAreSet(scopeUri ? vscode.Uri.parse(scopeUri) : undefined) : null),
        },
      },
    };
  }

  /** Says once why there is no server, with what can be done; nothing is tried again by itself. */
  private fail(sentence: string): void {
    if (this.blocked) {
      return; // a server that cannot start is told of once, by whoever notices first
    }
    this.blocked = sentence;
    this.stateEmitter.fire("failed");
    const offers: Record<string, () => unknown> = {
      Restart: () => this.restart(),
      "Show Log": () => this.log.show(),
      "Repair...": () => vscode.commands.executeCommand("oasis.ui.repairEnvironment"),
    };
    void offer(vscode.window.showErrorMessage, `OASIS: ${sentence}`, offers);
  }

  private missing(refused: string[]): void {
    this.blocked = "The server was not found.";
    this.stateEmitter.fire("missing");
    const found = refused.length ? ` Not used: ${refused.join("; ")}.` : "";
    const offers: Record<string, () => unknown> = {
      "Make a Private Environment": () => vscode.commands.executeCommand("oasis.ui.repairEnvironment"),
      "Open Settings": () => openMachineSettings("oasis.server"),
      "Try Again": () => this.restart(),
    };
    const sentence =
      "OASIS needs its server, which was found neither in the selected Python, nor in .venv, nor on PATH." +
      `${found} It can be installed with pip into an environment of the extension's own, or by yourself: ` +
      "pip install oasis-code-search.";
    void offer(vscode.window.showInformationMessage, sentence, offers);
  }

  /** A folder that is gone, an index that cannot be written: said once, with what helps. */
  private tellOfFolder(status: FolderStatus): void {
    const isBad = status.phase === "failed" || status.message !== "";
    if (!isBad || this.told.has(status.uri + status.message)) {
      return;
    }
    this.told.add(status.uri + status.message);
    const offers: Record<string, () => unknown> = {
      "Index Anew": () => this.command("oasis.reindex"),
      "Choose Index Folder": () => vscode.commands.executeCommand("workbench.action.openSettings", "oasis.cacheDir"),
      "Show Log": () => this.log.show(),
    };
    void offer(vscode.window.showWarningMessage, `OASIS: ${status.message || "indexing failed"}`, offers);
  }
}

/** Where a setting of this machine is shown: beside a remote window's own, the user's page holds none of them. */
function openMachineSettings(query: string): Thenable<unknown> {
  const where = vscode.env.remoteName ? "openRemoteSettings" : "openSettings";
  return vscode.commands.executeCommand(`workbench.action.${where}`, { query });
}

type Show = (message: string, ...choices: string[]) => Thenable<string | undefined>;

async function offer(show: Show, sentence: string, offers: Record<string, () => unknown>): Promise<void> {
  const choice = await show(sentence, ...Object.keys(offers));
  if (choice) {
    await offers[choice]?.();
  }
}
