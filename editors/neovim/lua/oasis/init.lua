-- OASIS in Neovim: finds code by meaning through the `oasis` language server.

local hits_shown = require("oasis.hits")
local server = require("oasis.server")

local M = {}

---Searches and shows the hits, best first.
---@param words string the question in words, a name, or both
---@param more? { picker?: oasis.Picker, limit?: integer, languages?: string[], kinds?: string[], globs?: string[] }
function M.search(words, more)
  more = more or {}
  local params = {
    query = words,
    limit = more.limit or server.options.limit,
    languages = more.languages,
    kinds = more.kinds,
    globs = more.globs,
  }
  server.request("oasis/search", params, function(result, client)
    if #result.hits == 0 then
      server.say(result.message or ("nothing found for: " .. words))
      return
    end
    hits_shown.show(more.picker or server.options.picker, words, result.hits, client)
  end)
end

---Searches while you type, with a preview.
---@param words? string to begin with
function M.live(words)
  require("oasis.live").open(words or "")
end

---Finds code like the function at the cursor or, with a range of lines, like these lines.
---@param more? { picker?: oasis.Picker, limit?: integer, line1?: integer, line2?: integer }
function M.similar(more)
  more = more or {}
  local params = { textDocument = { uri = vim.uri_from_bufnr(0) }, limit = more.limit or server.options.limit }
  local cursor = vim.api.nvim_win_get_cursor(0)
  if more.line1 then
    local last = vim.api.nvim_buf_get_lines(0, more.line2 - 1, more.line2, false)[1] or ""
    params.range = {
      start = { line = more.line1 - 1, character = 0 },
      ["end"] = { line = more.line2 - 1, character = #last },
    }
  else
    params.position = { line = cursor[1] - 1, character = cursor[2] }
  end
  server.request("oasis/similar", params, function(result, client)
    local hits = vim.list_extend(vim.deepcopy(result.copies), result.hits)
    if #hits == 0 then
      server.say(result.message or ("nothing is like " .. result.origin))
      return
    end
    hits_shown.show(more.picker or server.options.picker, "like " .. result.origin, hits, client)
  end)
end

---Lists groups of copies in the quickfix window, those first that are most worth merging.
---@param more? { level?: "exact"|"renamed"|"edited"|"behaviour", limit?: integer }
function M.duplicates(more)
  more = more or {}
  local params = { level = more.level, limit = more.limit }
  server.request("oasis/duplicates", params, function(result, client)
    if #result.groups == 0 then
      server.say(result.message or string.format("no copies among %d functions", result.units))
      return
    end
    local members, items = {}, {}
    for number, group in ipairs(result.groups) do
      for _, item in ipairs(hits_shown.items_of(group.members, client.offset_encoding)) do
        local about = string.format("%s, %d places, %d lines", group.level, #group.members, group.lines)
        item.text = string.format("group %d (%s)  %s", number, about, group.members[1].name)
        item.nr = number
        table.insert(items, item)
      end
      vim.list_extend(members, group.members)
    end
    local title = string.format("%d of %d groups of copies", #result.groups, result.total)
    hits_shown.show_in_quickfix(title, members, client, items)
  end)
end

---Shows how far each project is indexed.
function M.status()
  server.request("oasis/status", nil, function(result)
    local lines = { "OASIS " .. result.version }
    for _, folder in ipairs(result.folders) do
      local line = string.format(
        "%s: %s, %d of %d files, %d units",
        vim.uri_to_fname(folder.uri),
        folder.phase,
        folder.filesDone,
        folder.filesTotal,
        folder.coverage.units
      )
      for reason, count in vim.spairs(folder.problemCounts) do
        line = line .. string.format(", %d %s", count, reason)
      end
      table.insert(lines, folder.message ~= "" and (line .. ". " .. folder.message) or line)
    end
    vim.notify(table.concat(lines, "\n"))
  end)
end

---The last known state of each project, by folder URI.
---@return table<string, table>
function M.folders()
  return server.folders
end

---A few letters for a status line: nothing while all is well, `OASIS 42%` while indexing, else the phase.
---@return string
function M.statusline()
  local done, total, others = 0, 0, {}
  for _, folder in vim.spairs(server.folders) do
    if folder.phase == "scanning" or folder.phase == "indexing" then
      done, total = done + folder.filesDone, total + folder.filesTotal
    elseif folder.phase ~= "ready" then
      others[folder.phase] = true
    end
  end
  if total > 0 then
    return string.format("OASIS %d%%", math.floor(100 * done / total))
  end
  local phase = next(others)
  return phase and ("OASIS " .. phase) or ""
end

---Starts the server anew; also what helps after a message that it is missing or kept ending.
M.restart = server.restart

---Reads every project anew.
function M.reindex()
  server.request("workspace/executeCommand", { command = "oasis.reindex", arguments = {} }, function() end)
end

M.setup = server.setup

return M
