-- http.fields.mime_types: the media types that the web is made of, in the form of /etc/mime.types: a type and
-- its extensions, the usual one first. Of an extension in several lines, the first one tells the type.
-- SPDX-License-Identifier: MIT

return [[
application/atom+xml atom
application/dash+xml mpd
application/epub+zip epub
application/geo+json geojson
application/gpx+xml gpx
application/gzip gz
application/java-archive jar war ear
application/json json map
application/json5 json5
application/ld+json jsonld
application/manifest+json webmanifest
application/msword doc dot
application/node cjs
application/octet-stream bin dms lrf mar so dist distz pkg bpk dump elc deploy img msp msm buffer
application/ogg ogx
application/pdf pdf
application/postscript ai eps ps
application/rss+xml rss
application/rtf rtf
application/sql sql
application/toml toml
application/vnd.android.package-archive apk
application/vnd.apple.keynote key
application/vnd.apple.mpegurl m3u8
application/vnd.apple.numbers numbers
application/vnd.apple.pages pages
application/vnd.google-earth.kml+xml kml
application/vnd.ms-excel xls xlm xla xlc xlt xlw
application/vnd.ms-fontobject eot
application/vnd.ms-powerpoint ppt pps pot
application/vnd.oasis.opendocument.presentation odp
application/vnd.oasis.opendocument.spreadsheet ods
application/vnd.oasis.opendocument.text odt
application/vnd.openxmlformats-officedocument.presentationml.presentation pptx
application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx
application/vnd.openxmlformats-officedocument.wordprocessingml.document docx
application/vnd.rar rar
application/wasm wasm
application/wsdl+xml wsdl
application/x-7z-compressed 7z
application/x-apple-diskimage dmg
application/x-bittorrent torrent
application/x-bzip2 bz2 boz
application/x-debian-package deb udeb
application/x-httpd-php php
application/x-iso9660-image iso
application/x-java-jnlp-file jnlp
application/x-msdos-program exe
application/x-perl pl pm
application/x-pkcs12 p12 pfx
application/x-redhat-package-manager rpm
application/x-sh sh
application/x-shockwave-flash swf
application/x-subrip srt
application/x-tar tar
application/x-tcl tcl tk
application/x-x509-ca-cert der crt pem
application/xhtml+xml xhtml xht
application/xml xml xsl xsd rng
application/xml-dtd dtd
application/zip zip
audio/aac adts aac
audio/midi mid midi kar rmi
audio/mp4 m4a mp4a m4b
audio/mpeg mpga mp2 mp2a mp3 m2a m3a
audio/ogg oga ogg spx opus
audio/wav wav
audio/webm weba
audio/x-flac flac
audio/x-mpegurl m3u
font/collection ttc
font/otf otf
font/ttf ttf
font/woff woff
font/woff2 woff2
image/apng apng
image/avif avif
image/bmp bmp dib
image/gif gif
image/heic heic
image/jpeg jpg jpeg jpe
image/jxl jxl
image/png png
image/svg+xml svg svgz
image/tiff tif tiff
image/vnd.adobe.photoshop psd
image/vnd.microsoft.icon ico
image/webp webp
message/rfc822 eml mime mht mhtml
model/gltf+json gltf
model/gltf-binary glb
model/obj obj
model/stl stl
text/calendar ics ifb
text/coffeescript coffee litcoffee
text/css css
text/csv csv
text/html html htm shtml
text/javascript js mjs
text/jsx jsx
text/less less
text/markdown md markdown
text/mathml mml
text/mdx mdx
text/plain txt text conf def list log in ini
text/vtt vtt
text/x-c c cc cxx cpp h hh dic
text/x-java-source java
text/x-lua lua
text/x-sass sass
text/x-scss scss
text/x-vcard vcf
text/yaml yaml yml
video/3gpp 3gp 3gpp
video/3gpp2 3g2
video/mp2t ts m2t m2ts mts
video/mp4 mp4 mp4v mpg4
video/mpeg mpeg mpg mpe m1v m2v
video/ogg ogv
video/quicktime qt mov
video/webm webm
video/x-flv flv
video/x-m4v m4v
video/x-matroska mkv mk3d mks
video/x-ms-asf asf asx
video/x-ms-wmv wmv
video/x-msvideo avi
application/javascript js
application/mp4 mp4 mp4s m4p
application/x-msdownload exe dll com bat msi
audio/mp3 mp3
audio/x-wav wav
image/x-icon ico
image/x-ms-bmp bmp
text/rtf rtf
text/xml xml
]]
