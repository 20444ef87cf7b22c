-- The commands of OASIS. The server starts with require("oasis").setup(), or with the first search.

if vim.g.loaded_oasis then
  return
end
vim.g.loaded_oasis = true

vim.api.nvim_create_user_command("OasisSearch", function(command)
  require("oasis").search(command.args, { picker = command.bang and "select" or nil })
end, { nargs = "+", bang = true, desc = "Find code by meaning; with ! in a menu" })

vim.api.nvim_create_user_command("OasisLive", function(command)
  require("oasis").live(command.args)
end, { nargs = "*", desc = "Find code by meaning while you type" })

vim.api.nvim_create_user_command("OasisSimilar", function(command)
  local lines = command.range > 0 and { line1 = command.line1, line2 = command.line2 } or {}
  lines.picker = command.bang and "select" or nil
  require("oasis").similar(lines)
end, { range = true, bang = true, desc = "Find code like the function at the cursor, or like some lines" })

vim.api.nvim_create_user_command("OasisDuplicates", function(command)
  require("oasis").duplicates({ level = command.args ~= "" and command.args or nil })
end, {
  nargs = "?",
  complete = function()
    return { "exact", "renamed", "edited", "behaviour" }
  end,
  desc = "List groups of copies, those first that are most worth merging",
})

vim.api.nvim_create_user_command("OasisStatus", function()
  require("oasis").status()
end, { desc = "Show how far the projects are indexed" })

vim.api.nvim_create_user_command("OasisRestart", function()
  require("oasis").restart()
end, { desc = "Start the server anew" })

vim.api.nvim_create_user_command("OasisReindex", function()
  require("oasis").reindex()
end, { desc = "Read every project anew" })

vim.api.nvim_create_user_command("OasisLog", function()
  vim.cmd.tabnew(vim.lsp.log.get_filename and vim.lsp.log.get_filename() or vim.lsp.get_log_path())
end, { desc = "Open the log of Neovim's language servers" })
