-- Hits as a person sees them: one line each, the quickfix window, a menu.
--
-- Results keep the server's order, best first; helpers that sort by file name are deliberately not used.

local M = {}

function M.location_of(hit)
  return { uri = hit.uri, range = hit.selectionRange }
end

function M.label_of(hit)
  local name = hit.containerName and (hit.containerName .. "." .. hit.name) or hit.name
  local first_line = vim.trim(hit.preview:match("[^\r\n]*") or "")
  local weight = hit.level or string.format("%3d%%", math.floor(100 * hit.probability + 0.5))
  return string.format("%s  %s  %s", weight, name, first_line)
end

---Quickfix items in the server's order.
function M.items_of(hits, encoding)
  return vim.tbl_map(function(hit)
    local item = vim.lsp.util.locations_to_items({ M.location_of(hit) }, encoding)[1]
    item.text = M.label_of(hit)
    return item
  end, hits)
end

---@param title string
---@param hits table[] of the server
---@param client vim.lsp.Client
---@param items? table[] quickfix items, when they are not one line a hit
function M.show_in_quickfix(title, hits, client, items)
  vim.fn.setqflist({}, " ", {
    title = "OASIS: " .. title,
    items = items or M.items_of(hits, client.offset_encoding),
    context = { oasis = hits },
  })
  vim.cmd("botright copen")
end

---Jumps to a hit in the current window.
function M.open(hit, client)
  vim.lsp.util.show_document(M.location_of(hit), client.offset_encoding, { focus = true })
end

local function show_in_select(title, hits, client)
  vim.ui.select(hits, { prompt = "OASIS: " .. title, kind = "oasis", format_item = M.label_of }, function(hit)
    if hit then
      M.open(hit, client)
    end
  end)
end

---Shows hits where the user wants them; in the quickfix window when the wanted plugin is missing.
---@param picker oasis.Picker
function M.show(picker, title, hits, client)
  if picker == "select" then
    show_in_select(title, hits, client)
  elseif picker == "quickfix" or not require("oasis.pickers").show(picker, title, hits, client) then
    M.show_in_quickfix(title, hits, client)
  end
end

return M
