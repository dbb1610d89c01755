// Pieces on their way: read, packed by several threads, sent in order; received, checked and handed on. Memory is
// bounded by a few pieces.
#pragma once
#include <functional>
#include <vector>

#include "exec/conversation.h"
#include "exec/manifest.h"

namespace exec {

// Fills in the bytes of a piece; an error ends the transfer.
using ReadPiece = std::function<base::Status(const PiecePlace&, std::span<std::byte>)>;
using TakePiece = std::function<base::Status(const PiecePlace&, std::span<const std::byte>)>;
// How many bytes of how many are there, and how many travelled for that.
using Progress = std::function<void(uint64_t done, uint64_t travelled)>;

base::Status send_pieces(Conversation& peer, const std::vector<PiecePlace>& places, const std::vector<uint32_t>& wanted,
                         const ReadPiece& read, const Progress& progress = {});
// In the order of `wanted`; whatever has another hash than it should is an error.
base::Status receive_pieces(Conversation& peer, const std::vector<PiecePlace>& places,
                            const std::vector<uint32_t>& wanted, const TakePiece& take, const Progress& progress = {});

// Numbers of pieces as bytes, and back; what is out of range or out of order is an error.
std::vector<std::byte> encode(const std::vector<uint32_t>& numbers);
base::Result<std::vector<uint32_t>> decode_numbers(std::span<const std::byte> bytes, size_t below);

// A part of a file; shorter than asked for is an error that names the file.
base::Status read_part(const std::string& path, uint64_t offset, std::span<std::byte> to);

}  // namespace exec
