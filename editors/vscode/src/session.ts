// One language client for the window: started with consent, told of settings, restarted a few times, then quiet.
import * as vscode from "vscode";
import {
  CloseAction, CloseHandlerResult, ErrorAction, LanguageClient, LanguageClientOptions, State,
} from "vscode-languageclient/node";
import { findServer, makeEnvironment } from "./environment";
import { FolderStatus, SEARCH_STREAM, SearchStream, STATUS_CHANGED } from "./protocol";

const MAX_RESTARTS = 4;
const CONSENT = "oasis.consent";
/** Sections of our settings that are the editor's business, not the server's. */
const OWN_SECTIONS = ["server", "trace"];

export class Session implements vscode.Disposable {
  private client: LanguageClient | undefined;
  private starting: Promise<LanguageClient | undefined> | undefined;
  private restarts = 0;
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

  /** The running client; asking for it is consent, as somebody wants an answer. Undefined after a message. */
  async running(): Promise<LanguageClient | undefined> {
    if (this.client?.state === State.Running) {
      return this.client;
    }
    if (!vscode.workspace.workspaceFolders?.some((folder) => folder.uri.scheme === "file")) {
      void vscode.window.showInformationMessage("OASIS searches folders on disk: open one first.");
      return undefined;
    }
    await this.setConsent(true);
    this.starting ??= this.start().finally(() => (this.starting = undefined));
    return this.starting;
  }

  /** The answer to a request; undefined when it was cancelled, or after a message when it failed. */
  async ask<T>(method: string, params: object, token?: vscode.CancellationToken): Promise<T | undefined> {
    const client = await this.running();
    if (!client || token?.isCancellationRequested) {
      return undefined;
    }
    try {
      // An undefined token would count as a second parameter, and the parameters would travel as a list.
      return await (token ? client.sendRequest<T>(method, params, token) : client.sendRequest<T>(method, params));
    } catch (error) {
      if (!token?.isCancellationRequested) {
        this.log.error(String(error));
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
    this.restarts = 0;
    await this.running();
  }

  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    this.stateEmitter.fire("stopped");
    if (client?.needsStop()) {
      await client.stop();
    }
  }

  dispose(): void {
    void this.stop();
    this.statusEmitter.dispose();
    this.streamEmitter.dispose();
    this.stateEmitter.dispose();
  }

  private async start(): Promise<LanguageClient | undefined> {
    this.stateEmitter.fire("starting");
    let server = await findServer(this.context);
    if (!server && (await this.offerEnvironment())) {
      server = await findServer(this.context);
    }
    if (!server) {
      this.stateEmitter.fire("missing");
      return undefined;
    }
    this.log.info(`Server: ${[server.command, ...server.args].join(" ")} (from ${server.origin})`);
    const client = new LanguageClient(
      "oasis", "OASIS", { command: server.command, args: server.args }, this.options(),
    );
    client.onNotification(STATUS_CHANGED, (status: FolderStatus) => this.statusEmitter.fire(status));
    client.onNotification(SEARCH_STREAM, (stream: SearchStream) => this.streamEmitter.fire(stream));
    this.client = client;
    try {
      await client.start();
    } catch (error) {
      this.log.error(String(error));
      await this.fail(`The server did not start (${server.command}, from ${server.origin}).`);
      return undefined;
    }
    this.stateEmitter.fire("running");
    return client;
  }

  private options(): LanguageClientOptions {
    return {
      documentSelector: [{ scheme: "file" }, { scheme: "untitled" }],
      outputChannel: this.log,
      initializationOptions: serverSettings(),
      initializationFailedHandler: () => false,
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue }),
        closed: (): CloseHandlerResult => {
          this.restarts += 1;
          if (this.restarts <= MAX_RESTARTS) {
            return { action: CloseAction.Restart, handled: true };
          }
          void this.fail(`The server ended ${this.restarts} times and is left alone now.`);
          return { action: CloseAction.DoNotRestart, handled: true };
        },
      },
      middleware: {
        executeCommand: async (command, args, next) => {
          const own = this.show[command];
          return own ? own(args[0]) : next(command, args);
        },
        workspace: {
          configuration: async (params, token, next) => {
            const values = await next(params, token);
            return Array.isArray(values) ? values.map(withoutOwn) : values;
          },
        },
      },
    };
  }

  private async fail(sentence: string): Promise<void> {
    this.stateEmitter.fire("failed");
    const choice = await vscode.window.showErrorMessage(`OASIS: ${sentence}`, "Restart", "Show Log", "Repair...");
    if (choice === "Restart") {
      await this.restart();
    } else if (choice === "Show Log") {
      this.log.show();
    } else if (choice) {
      await vscode.commands.executeCommand("oasis.ui.repairEnvironment");
    }
  }

  private async offerEnvironment(): Promise<boolean> {
    const make = "Make a Private Environment";
    const point = "Open Settings";
    const choice = await vscode.window.showInformationMessage(
      "OASIS needs its server, which was found neither in the selected Python, nor in .venv, nor on PATH. " +
        "It can be installed with pip into an environment of the extension's own, or by yourself: " +
        "pip install oasis-code-search.",
      make, point,
    );
    if (choice === point) {
      await vscode.commands.executeCommand("workbench.action.openSettings", "oasis.server");
    }
    return choice === make && makeEnvironment(this.context, this.log);
  }
}

function serverSettings(): unknown {
  return withoutOwn(JSON.parse(JSON.stringify(vscode.workspace.getConfiguration("oasis"))));
}

function withoutOwn(value: unknown): unknown {
  if (typeof value !== "object" || value === null) {
    return value;
  }
  return Object.fromEntries(Object.entries(value).filter(([key]) => !OWN_SECTIONS.includes(key)));
}
