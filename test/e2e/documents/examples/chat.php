<?php
// Added for this test: the opening tag in the line above. The page shows the statements alone.

$ch = curl_init();

curl_setopt($ch, CURLOPT_URL, 'https://api.openai-hk.com/v1/chat/completions');
curl_setopt($ch, CURLOPT_RETURNTRANSFER, 1);
curl_setopt($ch, CURLOPT_POST, 1);

$headers = array();
$headers[] = 'Content-Type: application/json';
$headers[] = 'Authorization: Bearer hk-替换为你的key';
curl_setopt($ch, CURLOPT_HTTPHEADER, $headers);

$data = array(
    'max_tokens' => 1200,
    'model' => 'gpt-3.5-turbo',
    'temperature' => 0.8,
    'top_p' => 1,
    'presence_penalty' => 1,
    'messages' => array(
        array(
            'role' => 'system',
            'content' => 'You are ChatGPT, a large language model trained by OpenAI. Answer as concisely as possible.'
        ),
        array(
            'role' => 'user',
            'content' => '你是chatGPT多少？'
        )
    )
);

$data_string = json_encode($data);

curl_setopt($ch, CURLOPT_POSTFIELDS, $data_string);

$result = curl_exec($ch);

if (curl_errno($ch)) {
    echo 'Error:' . curl_error($ch);
}

curl_close($ch);

echo $result;
