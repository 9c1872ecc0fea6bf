#!/bin/sh
# Builds the FFmpeg that PyAV is built against in this module's image: LGPL 2.1 parts only, no encoder, and of the
# rest what file_source.py and rtsp_source.py open. Why: docs/adr/0003-what-decodes-video.md
#
#   build_ffmpeg.sh SOURCE PREFIX    SOURCE: the unpacked release; it is configured and compiled in place
set -eu
source=$1
prefix=$2

cd "$source"
./configure --prefix="$prefix" --extra-ldsoflags="-Wl,-rpath,$prefix/lib" \
    --disable-everything --disable-autodetect --disable-programs --disable-doc --disable-debug \
    --disable-static --enable-shared --enable-openssl --enable-zlib \
    --enable-protocol=file,rtp,tcp,tls,udp \
    --enable-demuxer=avi,h264,hevc,m4v,matroska,mov,mpegps,mpegts,mpegvideo,rtp,rtsp,sdp \
    --enable-parser=h264,hevc,mjpeg,mpeg4video,mpegvideo,vp8,vp9 \
    --enable-decoder=h264,hevc,mjpeg,mpeg1video,mpeg2video,mpeg4,vp8,vp9 \
    --enable-bsf=extract_extradata,mpeg4_unpack_bframes,vp9_superframe_split
# configure writes down under which licence what it chose may be given away.
grep -q '^#define FFMPEG_LICENSE "LGPL version 2.1 or later"$' config.h \
    || { echo "FFmpeg would not be under LGPL 2.1 any more: take out what was added" >&2; exit 1; }
make -j"$(nproc)"
make install
cp COPYING.LGPLv2.1 "$prefix"
