// The duplicates view: groups of copies, the most worth merging first.
import * as vscode from "vscode";
import { DUPLICATES, DuplicatesAnswer } from "./protocol";
import { Node, treeItem } from "./results";
import { Session } from "./session";

const LIMIT = 100;

export class DuplicatesView implements vscode.TreeDataProvider<Node> {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.changed.event;
  private readonly view: vscode.TreeView<Node>;
  private groups: Node[] = [];

  constructor(context: vscode.ExtensionContext, private readonly session: Session) {
    this.view = vscode.window.createTreeView("oasis.duplicates", { treeDataProvider: this, showCollapseAll: true });
    context.subscriptions.push(this.view, this.changed);
  }

  async find(): Promise<void> {
    if (!(await this.session.running())) {
      return;
    }
    if (!this.session.offers(DUPLICATES)) {
      void vscode.window.showWarningMessage("This OASIS server finds no duplicates yet: update it, then restart it.");
      return;
    }
    await vscode.commands.executeCommand("oasis.duplicates.focus");
    const answer = await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title: "OASIS: comparing functions", cancellable: true },
      (_, token) => this.session.ask<DuplicatesAnswer>(DUPLICATES, { limit: LIMIT }, token),
    );
    if (!answer) {
      return;
    }
    this.groups = answer.groups.map((group) => ({
      label: `${group.members[0]?.name ?? "?"} and ${group.members.length - 1} more`,
      note: `${group.level}, ${Math.round(group.lines)} lines`,
      hits: group.members.map((hit) => ({ ...hit, level: group.level })),
    }));
    this.view.message = answer.message;
    this.view.description = `${answer.total} groups among ${answer.units} functions`;
    this.changed.fire();
  }

  getChildren(node?: Node): Node[] {
    return node ? ("hits" in node ? node.hits.map((hit) => ({ hit })) : []) : this.groups;
  }

  getTreeItem(node: Node): vscode.TreeItem {
    return treeItem(node);
  }
}
